"""The annotation with the log line that made an alert fire: a template of the ruler that asks for it. No IO.

The ruler evaluates it for each series that fires, with the labels of that series. Annotations are no part of an alert's
identity, so however many lines differ, the alert stays one.
"""

from generator.catalog.profile import LogSource
from generator.query import gotemplate, logql, logsql, promql
from generator.query.signature import Signature

ANNOTATION = "line"
_SHOWN_LENGTH = 500
_DIFFERENT = 100  # texts that are compared; fewer than any Loki's limit of series
# Labels that no stream has.
_LINE_LABEL = "kube_proxy_line"
_WRAPPED_LABEL = "kube_proxy_wrapped_line"
# What stands before the message and differs from line to line: the time of CRI, of syslog and the journal; klog's head,
# wherever it is, in text or JSON; the time of the kernel.
_WRAPPED_HEAD = (
    r"(?:\d{4}-\d\d-\d\dT\S+ (?:std(?:out|err) [FP] )?|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S+ [^ :]+: )?"
    r'(?:.*?[IWEF]\d{4} \d\d:\d\d:[\d.]+ +\d+ [^\s\]]+\] |\{.*?"caller\\*":.*?"msg\\*": ?\\*")?'
    r"(?:\[ *\d+\.\d+\] )?(?:\s|\\t)*"
)
# Of a wrapping in JSON the text of the message, up to its closing quote, as a time can follow. Loki empties a label
# that holds a character which it could not read (U+FFFD).
_PATTERN = (
    rf'^(?:\{{(?:.*?[,{{])?"(?:log|message|MESSAGE)": ?"{_WRAPPED_HEAD}'
    rf'(?P<{_WRAPPED_LABEL}>(?:[^"\\\x{{FFFD}}]|\\.){{1,{_SHOWN_LENGTH}}})'
    rf"|{_WRAPPED_HEAD}[\x{{FFFD}}]*(?P<{_LINE_LABEL}>[^\x{{FFFD}}]{{1,{_SHOWN_LENGTH}}}))"
)
# What steers terminals and chats, and what shows text that is not there: colours, control and invisible characters,
# Slack's <…>, code spans, @everyone, and links of Markdown; and the end of a line in JSON. The rest stays as it is.
_HARMLESS = (
    (r"(?:\\+n)+$", ""),
    (r"(?:\x1b\[[\d;?]*[ -/]*[@-~]|[\pC\pZ])+", " "),
    ("<", "‹"),
    (">", "›"),
    ("`", "'"),
    ("@", "＠"),
    (r"\]([(\[:])", "] $1"),
)
_BOTH = f'(printf "%s%s" .Labels.{_WRAPPED_LABEL} .Labels.{_LINE_LABEL})'  # one of the two is empty


def annotation(source: LogSource, signature: Signature, window: str) -> str:
    """A template for the most frequent of the lines counted, without its head, in one line; empty where none is."""
    query, arguments = _query_format(source, signature, window)
    answer = f"query ({gotemplate.printf(query, arguments)})"
    sort = f'sortByLabel "{_WRAPPED_LABEL}" | sortByLabel "{_LINE_LABEL}"'
    return (
        '{{ $most := 0.0 }}{{ $line := "" }}'
        f"{{{{ range {answer} | {sort} }}}}"
        f"{{{{ if gt .Value $most }}}}{{{{ $most = .Value }}}}{{{{ $line = {_BOTH} }}}}{{{{ end }}}}"
        "{{ end }}"
        f"{{{{ $line | {_disarming_functions()} }}}}"
    )


def of_victorialogs(source: LogSource, signature: Signature, window: str) -> str:
    """The same for vmalert, which asks VictoriaLogs; that one gives the most frequent line by itself."""
    matchers = ""
    arguments = []
    for label in source.labels.names():
        matchers += f"{gotemplate.string(label)}:=%q "
        arguments.append(f"$labels.{label}")
    own = logsql.lines(source.selector, signature, window)
    in_one_line = " ".join(line.strip() for line in own.splitlines())
    pattern = gotemplate.verbatim(logql.quote(_PATTERN))
    query = (
        f"{matchers}{gotemplate.verbatim(in_one_line)} | extract_regexp {pattern}"
        f" | stats by ({_LINE_LABEL}, {_WRAPPED_LABEL}) count() as {logsql.COUNTED_LINES}"
        f" | first 1 by ({logsql.COUNTED_LINES} desc, {_LINE_LABEL}, {_WRAPPED_LABEL})"
    )
    answer = f"query ({gotemplate.printf(query, arguments)})"
    line = f"{_BOTH} | {_disarming_functions()}"
    return f"{{{{ range {answer} }}}}{{{{ {line} }}}}{{{{ end }}}}"


def _disarming_functions() -> str:
    """The functions of a template that make a line safe to show."""
    functions = []
    for pattern, instead in _HARMLESS:
        quoted = gotemplate.string(pattern)
        functions.append(f"reReplaceAll {quoted} {gotemplate.string(instead)}")
    return " | ".join(functions)


def _query_format(source: LogSource, signature: Signature, window: str) -> tuple[str, list[str]]:
    """The query as a format of printf, and its arguments."""
    query, arguments = format_of_place(source, signature)
    texts = gotemplate.verbatim(f"| regexp {logql.quote(_PATTERN)}")
    counts = f"count_over_time({query} {texts} [{window}])"
    of_each_text = f"sum by ({_WRAPPED_LABEL}, {_LINE_LABEL}) ({counts})"
    return f"topk({_DIFFERENT}, {of_each_text})", arguments


def format_of_place(source: LogSource, signature: Signature) -> tuple[str, list[str]]:
    """The query for the lines of an alert's place as a format of printf, and its arguments.

    Loki finds the streams by the pod and the node of the alert, or else each of a thousand nodes that fail at once
    would read the lines of all. What is structured metadata is no label of a stream; a filter compares it.
    """
    labels = source.labels
    matchers = [gotemplate.verbatim(promql.inside(source.selector))]
    pipeline = []
    arguments = []
    for label in (labels.pod, labels.node):
        if label:
            matchers.append(f"{label}=~%q")
            arguments.append(f'(printf "^(\\\\Q%s\\\\E)?$" $labels.{label})')
    for label in labels.names():
        pipeline.append(f"| {label}=%q")
        arguments.append(f"$labels.{label}")
    for text in logql.filters(signature):
        pipeline.append(gotemplate.verbatim(text))
    selector = f"{{{', '.join(matchers)}}}"
    return " ".join([selector, *pipeline]), arguments
