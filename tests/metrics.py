"""Metrics for servers of the tests to scrape."""

# What a kube-proxy of 1.22 exports of what the rules read.
KUBE_PROXY_1_22 = """\
kubernetes_build_info{git_version="v1.22.17",go_version="go1.16.15"} 1
process_start_time_seconds 1
process_cpu_seconds_total 1
kubeproxy_sync_proxy_rules_duration_seconds_count 1
kubeproxy_network_programming_duration_seconds_count 1
kubeproxy_sync_proxy_rules_last_timestamp_seconds 1
kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds 1
kubeproxy_sync_proxy_rules_endpoint_changes_total 1
kubeproxy_sync_proxy_rules_endpoint_changes_pending 0
kubeproxy_sync_proxy_rules_service_changes_total 1
kubeproxy_sync_proxy_rules_service_changes_pending 0
rest_client_requests_total{code="200",host="10.77.1.1:6443",method="GET"} 4
"""
