"""`generate` writes the outputs that the profile names."""

from pathlib import Path

from tests.conftest import Run

SITE = "runbooks: {base_url: https://runbooks.test/kp}\noutputs: [loki, runbooks]\n"


def folders(output: Path) -> set[str]:
    return {path.name for path in output.iterdir() if path.is_dir()}


def test_generate_writes_what_the_profile_names_and_takes_away_the_rest(
    run: Run, tmp_path: Path
) -> None:
    (tmp_path / "site.yaml").write_text(SITE, encoding="utf-8")
    words = ("generate", "--profile", "site.yaml", "--output", "rules", "--no-validate")
    assert run(*words, "--all-outputs", cwd=tmp_path).returncode == 0
    assert {"grafana", "prometheus", "loki"} <= folders(tmp_path / "rules")
    checked = run(*words, "--check", cwd=tmp_path)
    assert checked.returncode == 1
    assert checked.stderr.endswith("generate --profile site.yaml --output rules\n")
    assert run(*words, cwd=tmp_path).returncode == 0
    assert folders(tmp_path / "rules") == {"loki", "runbooks"}
    assert run(*words, "--check", cwd=tmp_path).returncode == 0
    told = run(*words, "--check", "--all-outputs", cwd=tmp_path).stderr
    assert told.endswith("generate --all-outputs --profile site.yaml --output rules\n")
