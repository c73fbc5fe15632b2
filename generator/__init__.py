"""Compiles a catalog of kube-proxy failures into alerting rules and runbooks.

The rooms of this folder. The main line stands in alphabetical order: base, catalog, check, compile, outputs, prove,
rulers, verify. The rule of imports is a contract in pyproject.toml.

    base/      What every room may use: places in files, documents, durations, files. Knows nothing of kube-proxy.
    catalog/   READ: the catalog and the profile, as values.
    check/     CHECK: what must hold before anything is written.
    cluster/   What kubectl says of a cluster.
    commands/  One module for each command, and what they share; they alone print and exit.
    compile/   COMPILE: entries and profile to rules, as data.
    diagnose/  From logs as they come to the documented failures that are in them.
    fixes/     Versions and fix tables: who is affected, and what ends it.
    history/   What changed in the rules between two commits.
    outputs/   RENDER and WRITE: one module an output; the folder, all of it or nothing.
    pages/     The runbooks as a web site, whose first page names the failures in a log that one pastes.
    prove/     PROVE: the files through the real promtool and a real Loki or VictoriaLogs.
    query/     LogQL, PromQL and the signature of a line. Knows nothing of kube-proxy.
    rulers/    LOAD: what differs on a ruler, push, rollback.
    scaffolds/ New entries and first profiles.
    servers/   HTTP, addresses and credentials, and what servers answer.
    sites/     What a site holds, which preset fits, and what the rules would not see.
    steps/     Commands of runbooks: written for a site, read without being run.
    verify/    VERIFY: are the rules live, and do they reach somebody.

`pipeline` is the pure middle, from what was read to the files that are written; `base.names` are those that other
systems depend on; `__main__` and `cli` lead to the commands.
"""

__version__ = "0.2.0.dev0"
