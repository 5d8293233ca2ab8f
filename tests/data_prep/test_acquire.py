"""Acquisition against a real server on this machine: what comes, what lies there, what a person is told."""

import fcntl
import os
import subprocess
import sys
import traceback
from types import SimpleNamespace

import pytest

from data_prep import __main__ as command_line
from data_prep import acquire, acquire_http, acquire_part, acquire_sources, sums
from data_prep.acquire_connection import Patience
from data_prep.acquire_sources import Refused, followed, stored_name
from hocp.contracts import files
from tests.campaigns import f20_downloads
from tests.campaigns.f20_downloads import PAGES, SECRETS, payload
from tests.campaigns.loopback import serving

ZIP = payload(f20_downloads.Random(0))
QUICK = Patience(connect=2, window=0.3, rate=2000, attempts=2, first=0.0, longest=0.0)


def environment(server, path="/a.zip", **more):
    return {"HOCP_SEWA_URLS": f"{server.url(path)}?key=s3cr3t-query", **more}


def fetch(folder, server, path="/a.zip", **options):
    sources = acquire_sources.sources("sewa", environment(server, path))
    return acquire.fetch("sewa", sources, folder, **{"patience": QUICK, "sleep": lambda _: None, **options})


def test_what_lies_there_afterwards(tmp_path):
    with serving(lambda e: e.ranged(ZIP, ETag='"1"')) as server:
        fetch(tmp_path, server)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["SHA256SUMS", "a.zip", "acquired.json"]
    answer = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=tmp_path, capture_output=True, text=True)
    assert (answer.returncode, answer.stdout) == (0, "a.zip: OK\n")
    noted = files.read_json(tmp_path / "acquired.json")
    assert noted["files"] == {"a.zip": {"bytes": len(ZIP), "sha256": files.sha256(tmp_path / "a.zip")}}


def test_only_the_rest_is_fetched(tmp_path):
    with serving(lambda e: e.ranged(ZIP, until=7000 if e.number == 1 else None, ETag='"1"')) as server:
        fetch(tmp_path, server)
        assert [e.start() for e in server.seen] == [0, 7000]
        assert server.seen[1].headers["If-Range"] == '"1"'
    assert (tmp_path / "a.zip").read_bytes() == ZIP


def test_what_came_survives_the_run(tmp_path):
    told = r"given up after 2 attempts: .*7000 bytes are kept; run again"
    stuck = serving(lambda e: e.ranged(ZIP, until=max(7000, e.start()), ETag='"1"'))
    with stuck as server, pytest.raises(ValueError, match=told):
        fetch(tmp_path, server)
    with serving(lambda e: e.ranged(ZIP, ETag='"1"')) as server:
        fetch(tmp_path, server)
        assert [e.start() for e in server.seen] == [7000]


def test_waiting_grows_up_to_its_limit(tmp_path):
    waits = []
    patience = Patience(attempts=6, first=1.0, longest=5.0)
    with (
        serving(lambda e: e.answer(status=503)) as server,
        pytest.raises(ValueError, match="after 6 attempts"),
    ):
        fetch(tmp_path, server, patience=patience, sleep=waits.append)
    assert waits == [1, 2, 4, 5, 5]


def test_a_server_may_ask_for_more_time_but_not_for_all(tmp_path):
    waits = []
    patience = Patience(attempts=3, first=1.0, longest=50.0)

    def respond(e):
        e.answer(status=429, Retry_After="30" if e.number == 1 else "99999")

    with serving(respond) as server, pytest.raises(ValueError, match="429"):
        fetch(tmp_path, server, patience=patience, sleep=waits.append)
    assert waits == [30, 50]


@pytest.mark.parametrize(
    ("status", "step"),
    [
        (401, "HOCP_SEWA_USER"),
        (403, "Ask anew at https://db.sewaproject.eu"),
        (404, "Look at https://db.sewaproject.eu"),
    ],
)
def test_statuses_say_which_step_is_needed(tmp_path, status, step):
    with serving(lambda e: e.answer(b"", status)) as server, pytest.raises(ValueError, match=step):
        fetch(tmp_path, server)
    assert len(server.seen) == 1, "asking again would not help"


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("page to log in", "a page to log in"),
        ("page of a licence", "accept terms"),
        ("some page", "a web page"),
    ],
)
def test_pages_say_which_step_is_needed(tmp_path, page, said):
    told = f"{said}.*Open https://db.sewaproject.eu in a browser.*--from FILE"
    serves = serving(lambda e: e.answer(PAGES[page], Content_Type="text/html"))
    with serves as server, pytest.raises(ValueError, match=told):
        fetch(tmp_path, server)
    assert not [*tmp_path.iterdir()]


def test_changed_release_is_refused_with_both_hashes(tmp_path):
    with serving(lambda e: e.answer(ZIP)) as server:
        (tmp_path / "SHA256SUMS").write_text("0" * 64 + "  a.zip\n")
        with pytest.raises(
            ValueError, match=f"has SHA-256 [0-9a-f]{{64}}, but had {'0' * 64} when first seen"
        ):
            fetch(tmp_path, server)
    assert [path.name for path in tmp_path.iterdir()] == ["SHA256SUMS"]


def test_one_lost_file_does_not_cost_the_others(tmp_path):
    with serving(lambda e: e.answer(ZIP) if "b.zip" in e.path else e.answer(status=404)) as server:
        text = " ".join(server.url(f"/{name}.zip") for name in "abc")
        sources = acquire_sources.sources("sewa", {"HOCP_SEWA_URLS": text})
        with pytest.raises(ValueError, match="2 of 3 files did not come") as error:
            acquire.fetch("sewa", sources, tmp_path, patience=QUICK)
    assert "URL 1 of HOCP_SEWA_URLS" in str(error.value) and "URL 3" in str(error.value)
    assert (tmp_path / "b.zip").read_bytes() == ZIP


def test_names_from_the_server_are_resumed_too(tmp_path):
    offered = {"ETag": '"1"', "Content_Disposition": "attachment; filename*=UTF-8''clips%20%C3%A9.zip"}
    with (
        serving(lambda e: e.ranged(ZIP, until=7000, **offered)) as server,
        pytest.raises(ValueError, match="7000 bytes"),
    ):
        fetch(tmp_path, server, "/get", patience=Patience(attempts=1, rate=1, window=1))
    with serving(lambda e: e.ranged(ZIP, **offered)) as server:
        assert fetch(tmp_path, server, "/get")[0].name == "clips é.zip"
        assert [e.start() for e in server.seen] == [0, 7000]


def test_two_addresses_with_one_name(tmp_path):
    def respond(e):
        name = "one.zip" if "third" not in e.path else "two.zip"
        e.answer(ZIP, Content_Disposition=f"attachment; filename={name}")

    with serving(respond) as server:
        text = " ".join(server.url(f"/get.zip?{n}") for n in ("first", "second", "third"))
        sources = acquire_sources.sources("sewa", {"HOCP_SEWA_URLS": text})
        with pytest.raises(ValueError, match=r"one\.zip is the name of two; use NAME=ADDRESS"):
            acquire.fetch("sewa", sources, tmp_path, patience=QUICK)
    assert (tmp_path / "two.zip").exists()


def test_a_person_may_name_the_file(tmp_path):
    with serving(lambda e: e.answer(ZIP)) as server:
        sources = acquire_sources.sources("sewa", {"HOCP_SEWA_URLS": f"clips.zip={server.url('/x/y?z=1')}"})
        assert acquire.fetch("sewa", sources, tmp_path, patience=QUICK)[0].name == "clips.zip"


def test_disk_without_room_is_named_before_anything_comes(tmp_path, monkeypatch):
    monkeypatch.setattr(acquire_part.shutil, "disk_usage", lambda _: SimpleNamespace(free=1))
    with (
        serving(lambda e: e.answer(ZIP)) as server,
        pytest.raises(ValueError, match=r"needs 0\.0 GB more, but .* has 0\.0 GB"),
    ):
        fetch(tmp_path, server)


# Secrets ---------------------------------------------------------------------------------------------------


def everything_said(error):
    """All that a traceback could show of an exception, causes included."""
    lines = "".join(
        traceback.TracebackException.from_exception(error, capture_locals=False).format(chain=True)
    )
    return f"{error!r} {error.__cause__!r} {error.__context__!r} {lines}"


@pytest.mark.parametrize(
    "url",
    [
        "http://u:s3cr3t-token@127.0.0.1:1/s3cr3t-path/a.zip?s3cr3t-query",
        "http://s3cr3t-path:0/a.zip",
        "http://[s3cr3t-query/a.zip",
        "http://localhost:s3cr3t-query/",
        "ftp://s3cr3t-path/a.zip",
        "s3cr3t-query",
        "s3cr3t-path/x=http://localhost/",
    ],
)
def test_no_message_holds_a_secret(tmp_path, url, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with pytest.raises(ValueError) as error:
        sources = acquire_sources.sources("sewa", {"HOCP_SEWA_URLS": url})
        acquire.fetch("sewa", sources, tmp_path, patience=QUICK)
    assert not [secret for secret in SECRETS if secret in everything_said(error.value)]


def test_what_nobody_foresaw_is_told_by_its_kind_alone(tmp_path, monkeypatch):
    def broken(self, watch):
        raise KeyError(self.source.url)

    monkeypatch.setattr(acquire_http.Download, "_attempt", broken)
    sources = acquire_sources.sources("sewa", {"HOCP_SEWA_URLS": "https://h/s3cr3t-path/a.zip"})
    with pytest.raises(Refused, match="cannot be fetched: KeyError") as error:
        acquire_http.Download("sewa", sources[0], tmp_path).run()
    assert "s3cr3t" not in everything_said(error.value)


def test_no_line_of_a_log_holds_a_secret(tmp_path, caplog):
    caplog.set_level("DEBUG")
    with serving(lambda e: e.ranged(ZIP, until=7000 if e.number == 1 else None, ETag='"1"')) as server:
        fetch(tmp_path, server, "/s3cr3t-path/a.zip")
    assert not [secret for secret in SECRETS if secret in caplog.text]
    assert "s3cr3t" not in repr(
        acquire_sources.sources("sewa", environment(server, HOCP_SEWA_TOKEN="s3cr3t-token"))
    )


def test_credentials_of_each_kind(tmp_path):
    cases = {
        "Basic dTpw": {"HOCP_SEWA_USER": "u", "HOCP_SEWA_PASSWORD": "p"},
        "Bearer abc": {"HOCP_SEWA_TOKEN": "abc"},
    }
    for expected, variables in cases.items():
        with serving(lambda e: e.answer(ZIP)) as server:
            sources = acquire_sources.sources("sewa", environment(server, **variables))
            acquire.fetch("sewa", sources, tmp_path / expected[:5], patience=QUICK)
            assert server.seen[0].headers["Authorization"] == expected
    assert (
        acquire_sources.sources("sewa", {"HOCP_SEWA_URLS": "https://u:p%40@h/a"})[0].authorization
        == "Basic dTpwQA=="
    )


def test_nothing_of_netrc_is_sent(tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login u password p\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with serving(lambda e: e.answer(ZIP)) as server:
        fetch(tmp_path / "out", server)
        assert server.seen[0].headers["Authorization"] is None


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"HOCP_SEWA_USER": "u"}, "user and password together"),
        ({"HOCP_SEWA_USER": "u", "HOCP_SEWA_PASSWORD": "p", "HOCP_SEWA_TOKEN": "t"}, "or a token alone"),
        ({"HOCP_SEWA_TOKEN": "a\r\nX: y"}, "printable"),
        ({"HOCP_SEWA_TOKEN": "t", "HOCP_SEWA_URLS": "http://h/a.zip"}, "would travel unencrypted"),
    ],
)
def test_credentials_that_cannot_be_right(variables, said):
    with pytest.raises(Refused, match=said):
        acquire_sources.sources("sewa", {"HOCP_SEWA_URLS": "https://h/a.zip", **variables})


# Rules -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("location", "leads"),
    [
        ("/b.zip?x", "https://h/b.zip?x"),
        ("b.zip", "https://h/a/b.zip"),
        ("//o/b", "https://o/b"),
        ("https://u:p@o/b", "https://o/b"),
        ("http://h/b", None),
        ("file:///etc/passwd", None),
        ("", None),
    ],
)
def test_where_redirects_lead(location, leads):
    if leads:
        assert followed("https://h/a/a.zip", location, "it") == leads
    else:
        with pytest.raises(Refused):
            followed("https://h/a/a.zip", location, "it")


def test_credentials_stay_with_host_protocol_and_port():
    here = "https://h/a"
    assert acquire_sources.same_origin(here, "https://H/other?x")
    for other in ("http://h/a", "https://h:8443/a", "https://x-h/a", "https://h-evil/a"):
        assert not acquire_sources.same_origin(here, other)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a.zip", "a.zip"),
        ("../../a.zip", "a.zip"),
        ("C:\\x\\a.zip", "a.zip"),
        ("e\u0301.zip", "é.zip"),
        ("a\nb;$(x).zip", "a_b__(x).zip"),
        *(
            (text, "")
            for text in ("", "..", ".bashrc", "-rf.zip", "SHA256SUMS", "x.part", "n" * 201, "a/", "___")
        ),
    ],
)
def test_names_are_made_harmless(text, name):
    assert stored_name(text) == name


# Local files, and the command line ------------------------------------------------------------------------


def test_local_files_are_linked_or_known(tmp_path):
    (tmp_path / "in").mkdir()
    for name in ("01.zip", "02.zip"):
        (tmp_path / "in" / name).write_bytes(ZIP)
    (tmp_path / "in/notes.txt").write_text("mine")
    out = tmp_path / "out"
    found = acquire.gather("afew_va", [tmp_path / "in"], out)
    assert [item.name for item in found] == ["01.zip", "02.zip"] and (out / "01.zip").samefile(
        tmp_path / "in/01.zip"
    )
    assert sums.read(out) == {item.name: item.sha256 for item in found}
    assert acquire.gather("afew_va", [tmp_path / "in"], out) == found, "again is the same"
    (tmp_path / "other").mkdir()
    (tmp_path / "other/01.zip").write_bytes(ZIP + b"x")
    with pytest.raises(ValueError, match="which one is right"):
        acquire.gather("afew_va", [tmp_path / "other"], out)


def test_local_files_are_copied_where_links_cannot_be(tmp_path, monkeypatch):
    (tmp_path / "a.zip").write_bytes(ZIP)
    monkeypatch.setattr(acquire.os, "link", lambda *_: (_ for _ in ()).throw(OSError(18, "another disk")))
    acquire.gather("sewa", [tmp_path / "a.zip"], tmp_path / "out")
    assert (tmp_path / "out/a.zip").read_bytes() == ZIP
    assert not (tmp_path / "out/a.zip").samefile(tmp_path / "a.zip")


def test_in_place_records_first_and_compares_then(tmp_path):
    (tmp_path / "a.zip").write_bytes(ZIP)
    acquire.in_place("sewa", [tmp_path])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["SHA256SUMS", "a.zip"]
    (tmp_path / "a.zip").write_bytes(ZIP + b"x")
    with pytest.raises(ValueError, match="SHA256SUMS says"):
        acquire.in_place("sewa", [tmp_path])


def test_what_is_lost_is_named(tmp_path):
    acquire.in_place("sewa", [_zip_in(tmp_path)])
    (tmp_path / "a.zip").rename(tmp_path / "b.zip")
    with pytest.raises(ValueError, match=r"of the files in SHA256SUMS, a\.zip are missing"):
        acquire.in_place("sewa", [tmp_path])


def test_data_sets_are_kept_apart(tmp_path):
    (tmp_path / "in").mkdir()
    acquire.gather("sewa", [_zip_in(tmp_path / "in")], tmp_path / "out")
    with pytest.raises(ValueError, match="holds files of sewa; expected a folder for afew_va alone"):
        acquire.gather("afew_va", [tmp_path / "in"], tmp_path / "out")


def test_a_saved_page_is_no_archive(tmp_path):
    (tmp_path / "a.zip").write_bytes(PAGES["page to log in"])
    with pytest.raises(ValueError, match="a page to log in"):
        acquire.gather("sewa", [tmp_path / "a.zip"], tmp_path / "out")


def test_two_acquisitions_into_one_folder(tmp_path):
    with acquire.alone(tmp_path), pytest.raises(ValueError, match="another acquisition is at work"):
        acquire.in_place("sewa", [_zip_in(tmp_path)])
    stale = (tmp_path / ".acquire.lock").open(
        "w"
    )  # of a run that was killed: the file is there, the lock is not
    acquire.in_place("sewa", [tmp_path])
    fcntl.flock(stale, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert not (tmp_path / ".acquire.lock").exists()


def _zip_in(folder):
    (folder / "a.zip").write_bytes(ZIP)
    return folder


def test_unreadable_list_is_named_with_its_line(tmp_path):
    (tmp_path / "SHA256SUMS").write_text("0" * 64 + "  a.zip\nnonsense\n")
    with pytest.raises(ValueError, match="SHA256SUMS, line 2: expected"):
        sums.read(tmp_path)


def run(*arguments, **variables):
    """The command, as a person would run it."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("HOCP_")}
    return subprocess.run(
        [sys.executable, "-m", "data_prep", "acquire", *map(str, arguments)],
        capture_output=True, text=True, stdin=subprocess.DEVNULL, env={**clean, "no_proxy": "*", **variables},
    )  # fmt: skip


def test_nothing_is_fetched_without_consent(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)
    with serving(lambda e: e.answer(ZIP)) as server:
        monkeypatch.setenv("HOCP_SEWA_URLS", server.url())
        assert command_line.main(["acquire", "sewa", "--out", str(tmp_path / "out")]) == 2
        assert not server.seen and not (tmp_path / "out").exists()
    said = capsys.readouterr()
    assert "https://db.sewaproject.eu" in said.out and "end-user licence agreement" in said.out
    assert "--accept-terms" in said.err


def test_the_whole_command(tmp_path):
    with serving(lambda e: e.ranged(ZIP)) as server:
        answer = run(
            "sewa", "--out", tmp_path / "out", "--accept-terms",
            HOCP_SEWA_URLS=f"{server.url('/s3cr3t-path/a.zip')}?s3cr3t-query", HOCP_SEWA_TOKEN="s3cr3t-token",
        )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    assert "fetched  a.zip" in answer.stdout and not [
        s for s in SECRETS if s in answer.stdout + answer.stderr
    ]


def test_without_addresses_it_says_what_to_set(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("HOCP_SEWA_URLS", raising=False)
    assert command_line.main(["acquire", "sewa", "--out", str(tmp_path), "--accept-terms"]) == 2
    assert "HOCP_SEWA_URLS" in capsys.readouterr().err


def test_offline_checks_what_is_there(tmp_path, capsys, monkeypatch):
    _zip_in(tmp_path)
    with serving(lambda e: e.answer(ZIP)) as server:
        monkeypatch.setenv("HOCP_SEWA_URLS", server.url())
        assert (
            command_line.main(["acquire", "sewa", "--out", str(tmp_path), "--accept-terms", "--offline"]) == 0
        )
        assert not server.seen
    assert "there    a.zip" in capsys.readouterr().out


@pytest.mark.parametrize(("typed", "status"), [("yes", 0), (" YES ", 0), ("y", 2), ("", 2)])
def test_consent_may_be_typed(tmp_path, monkeypatch, typed, status):
    _zip_in(tmp_path)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr("builtins.input", lambda _: typed)
    assert command_line.main(["acquire", "sewa", "--from", str(tmp_path), "--in-place"]) == status
    assert (tmp_path / "SHA256SUMS").exists() == (status == 0)
