module kube-proxy-alerts/pins/alertmanager-0.28

go 1.22.0

require github.com/prometheus/alertmanager v0.28.1
