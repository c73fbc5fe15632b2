"""The fault lab: real kube-proxy builds and the real programs around them, and the failures provoked in them."""
