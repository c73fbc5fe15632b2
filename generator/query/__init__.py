"""LogQL, PromQL and the signature of a line. Knows nothing of kube-proxy."""
