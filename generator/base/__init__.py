"""What every room may use: places in files, documents, durations, files. Knows nothing of kube-proxy."""
