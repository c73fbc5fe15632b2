"""What pages are found by."""

from generator.pages import words


def test_words_are_those_of_the_text_its_title_and_the_parts_of_its_name() -> None:
    found = words.weights("KubeProxySyncSlow", "Syncs take long", "A sync. `kube-proxy` syncs!")
    assert found == {
        "a": 1,
        "kube": 9,
        "kubeproxysyncslow": 8,
        "long": 8,
        "proxy": 9,
        "slow": 8,
        "sync": 9,
        "syncs": 9,
        "take": 8,
    }


def test_names_with_letters_in_a_row_are_apart_where_the_next_word_begins() -> None:
    assert set(words.weights("KubeProxyCPUHigh", "", "")) == {
        "kube",
        "proxy",
        "cpu",
        "high",
        "kubeproxycpuhigh",
    }
