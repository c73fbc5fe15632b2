"""Names of Pods and containers, and of the files that hold their logs. No IO."""

import re

POD_NAME = r"[a-z0-9][a-z0-9.]{0,252}(?:-[a-z0-9.]+)+"  # no word of a sentence has a hyphen
_ANY_POD_NAME = r"[a-z0-9][a-z0-9.-]{0,252}"
CONTAINER_NAME = r"[a-z0-9][a-z0-9-]{0,62}"
POD_IN_FRONT = re.compile(r"(?:\A|[^\w.-])(?P<pod>kube-proxy-[a-z0-9][a-z0-9-]{0,60})(?:[^\w-]|\Z)")
# Where container runtimes keep the log of a container.
LOG_FILES = (
    rf"(?P<pod>{_ANY_POD_NAME})_[a-z0-9-]{{1,63}}_(?P<program>{CONTAINER_NAME})-[0-9a-f]{{12,64}}(?:\.log)?",
    rf"[a-z0-9-]{{1,63}}_(?P<pod>{_ANY_POD_NAME})_[0-9a-f-]{{8,64}}/(?P<program>{CONTAINER_NAME})/\d{{1,9}}\.log",
)
LOG_FOLDER = r"(?:\S{0,200}(?:/|containers\.))?"
FILES_OF_PODS = tuple(re.compile(LOG_FOLDER + file) for file in LOG_FILES)
