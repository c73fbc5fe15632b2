"""PROVE: the files through the real promtool and a real Loki or VictoriaLogs."""
