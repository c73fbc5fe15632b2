"""Compiles a catalog of kube-proxy failures into alerting rules and runbooks."""

__version__ = "0.1.0"
