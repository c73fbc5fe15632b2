"""`python -m kube_proxy_alerts`."""

from . import main

main()
