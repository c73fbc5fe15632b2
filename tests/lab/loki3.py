"""A Loki 3 beside the Loki 2 of the tests: what local_loki starts, with the configuration that Loki 3 reads."""

CONFIG = """
auth_enabled: false
server: {{http_listen_address: 127.0.0.1, http_listen_port: {http}, grpc_listen_address: 127.0.0.1,
  grpc_listen_port: {grpc}, log_level: warn}}
common:
  path_prefix: {folder}
  instance_addr: 127.0.0.1
  replication_factor: 1
  ring: {{instance_addr: 127.0.0.1, kvstore: {{store: inmemory}}}}
ingester: {{wal: {{enabled: false}}}}
schema_config:
  configs: [{{from: 2020-01-01, store: tsdb, object_store: filesystem, schema: v13,
    index: {{prefix: index_, period: 24h}}}}]
storage_config:
  tsdb_shipper: {{active_index_directory: {folder}/index, cache_location: {folder}/cache}}
  filesystem: {{directory: {folder}/chunks}}
compactor: {{working_directory: {folder}/compactor}}
limits_config: {{reject_old_samples: false, ingestion_rate_mb: 100, ingestion_burst_size_mb: 100}}
frontend_worker: {{frontend_address: "127.0.0.1:{grpc}"}}
analytics: {{reporting_enabled: false}}
ruler:
  storage: {store}
  poll_interval: 1s
  rule_path: {folder}/scratch
  ring: {{kvstore: {{store: inmemory}}}}
  enable_api: {ruler}
  enable_alertmanager_v2: true
  alertmanager_url: {alertmanager}
"""
