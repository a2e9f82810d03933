"""The pytest plugin: options, the marker, the sections of a failure, the summary, its costs."""

import subprocess
import sys
from pathlib import Path

import pytest

# pytester forgets what an inner run imports, and NumPy cannot be imported twice.
import tinygraph.testing._reproduce
import tinygraph.testing._session  # noqa: F401

pytest_plugins = ["pytester"]

HALF = """
import tinygraph as tg

class Half(tg.Function):
    def forward(self, x):
        return x**2
    def backward(self, g, x):
        return g * x

def half(x):
    return Half()(x)
"""

FAILING = """
import numpy as np
from half import half
from tinygraph.testing import GradientError, gradcheck

def check():
    gradcheck(half, np.array([1.5, 2.5]))

def test_half():
    check()
"""


@pytest.fixture
def failing(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.syspathinsert()
    pytester.makepyfile(half=HALF, test_half=FAILING)
    return pytester


def kept(directory: Path) -> dict[str, Path]:
    (inside,) = directory.iterdir()
    assert inside.name == "test_half.py-test_half"
    return {path.stem: path for path in inside.iterdir()}


# -- a failure -----------------------------------------------------------------------------------


def test_a_failure_has_the_report_once(failing: pytest.Pytester) -> None:
    result = failing.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E *GradientError: half: wrong gradient of output 0, input x of shape (2,)",
            "*- gradient report -*",
            "half: failed, *",
            "*rule: Half.backward (half.py:6)",
            "*at [[]1[]] the rule gives 1, expected 2 ±*",
            "*the rule gives 1/2 of the right gradient",
            "the example, as a script:",
            "from half import half",
            "*x = np.array([[]0.0, 1.0[]])",
            "gradcheck(half, x)",
            "*- gradient artifacts -*",
        ]
    )
    assert result.stdout.str().count("1/2 of the right gradient") == 1
    assert "_gradcheck.py" not in result.stdout.str()  # a user reads the user's lines


def test_a_failure_leaves_its_files_in_the_cache(failing: pytest.Pytester) -> None:
    result = failing.runpytest()
    directory = failing.path / ".pytest_cache" / "d" / "gradient-failures"
    files = kept(directory)
    assert files.keys() == {"report", "reproduce", "graph"}
    assert "Half.backward (half.py:6)" in files["report"].read_text()
    result.stdout.fnmatch_lines(
        [
            "report.txt, reproduce.py, graph.svg",
            "in .pytest_cache/d/gradient-failures/test_half.py-test_half",
        ]
    )


def test_a_failure_leaves_its_files_where_it_is_told(failing: pytest.Pytester) -> None:
    failing.runpytest("--grad-artifacts=kept")
    assert "reproduce" in kept(failing.path / "kept")


def test_without_a_cache(failing: pytest.Pytester) -> None:
    failing.runpytest("-p", "no:cacheprovider")
    assert "reproduce" in kept(failing.path / "gradient-failures")


def test_files_that_cannot_be_written_do_not_hide_the_failure(failing: pytest.Pytester) -> None:
    (failing.path / "file").write_text("no directory")
    result = failing.runpytest("--grad-artifacts=file")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["nothing was written: *Error: *"])


@pytest.mark.parametrize(
    "raising",
    [
        "raise ValueError('wrapped') from error",
        "raise ExceptionGroup('several', [ValueError(), error])",
    ],
)
def test_a_report_behind_another_error(failing: pytest.Pytester, raising: str) -> None:
    failing.makepyfile(
        test_half=FAILING.replace(
            "    check()\n",
            f"    try:\n        check()\n    except GradientError as error:\n        {raising}\n",
        )
    )
    failing.runpytest().stdout.fnmatch_lines(["*- gradient report -*", "half: failed*"])


def test_other_failures_stay_as_they_are(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(): assert 1 == 2")
    result = pytester.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.no_fnmatch_line("*gradient*")


# -- the summary ---------------------------------------------------------------------------------

COUNTING = """
import pytest
from tinygraph.testing import Finding, Report
from tinygraph.testing._session import tally

@pytest.mark.parametrize("verdict", ["passed", "passed", "inconclusive"])
def test_it(verdict):
    tally.count(Report("f", (Finding("gradient", "output 0", verdict, redraws=2),)))
"""


def test_the_summary_counts(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(COUNTING)
    line = "gradient checks: 3, of which 1 inconclusive; 6 points redrawn at kinks"
    result = pytester.runpytest()
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines([line])
    assert result.stdout.str().count("gradient checks") == 1


def test_no_summary_where_nothing_was_checked(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(): pass")
    pytester.runpytest().stdout.no_fnmatch_line("*gradient*")


# -- options and the marker ----------------------------------------------------------------------

LEVEL = """
from tinygraph.testing._session import level
def test_level(): assert level() == {!r}
"""


@pytest.mark.parametrize(
    ("ini", "options", "level"),
    [
        ("", [], "full"),
        ("", ["--grad-level=fast"], "fast"),
        ("grad_level = fast", [], "fast"),
        ("grad_level = fast", ["--grad-level=full"], "full"),
    ],
)
def test_the_level(pytester: pytest.Pytester, ini: str, options: list[str], level: str) -> None:
    pytester.makeini(f"[pytest]\n{ini}\n")
    pytester.makepyfile(LEVEL.format(level))
    pytester.runpytest(*options).assert_outcomes(passed=1)


def test_the_level_is_left_as_it_was(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINYGRAPH_GRAD_LEVEL", "fast")
    pytester.makepyfile(LEVEL.format("full"))
    pytester.runpytest("--grad-level=full").assert_outcomes(passed=1)
    pytester.makepyfile(LEVEL.format("fast"))
    pytester.runpytest().assert_outcomes(passed=1)


def test_a_level_that_is_none(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\ngrad_level = slow\n")
    result = pytester.runpytest()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*grad_level: expected fast or full, not 'slow'*"])


def test_the_marker_is_known_and_given(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        def test_plain(): pass

        @pytest.mark.gradcheck
        def test_marked(): pass

        def test_made(): pass
        test_made.__gradcheck__ = True

        class TestSuite:
            __gradcheck__ = True
            def test_it(self): pass
        """
    )
    pytester.runpytest("--strict-markers", "-m", "gradcheck").assert_outcomes(
        passed=3, deselected=1
    )


# -- what it costs -------------------------------------------------------------------------------


def test_it_loads_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys
        def test_it():
            loaded = {name.split(".")[0] for name in sys.modules}
            assert "pytest_tinygraph" in loaded
            assert not loaded & {"tinygraph", "numpy", "graphviz"}
        """
    )
    pytester.runpytest_subprocess("-p", "no:hypothesispytest").assert_outcomes(passed=1)


def test_importing_it_imports_nothing_that_pytest_has_not() -> None:
    program = """
import sys, pytest
before = set(sys.modules)
import pytest_tinygraph
print(*sorted(set(sys.modules) - before))
"""
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, text=True
    )
    assert run.stdout.split() == ["pytest_tinygraph"]


def test_hypothesis_profiles_are_left_alone(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        from hypothesis import settings
        settings.register_profile("mine", max_examples=7, deadline=123)
        settings.load_profile("mine")
        """
    )
    pytester.makepyfile(
        """
        from datetime import timedelta
        import tinygraph.testing
        from hypothesis import settings
        def test_it():
            assert settings.default.max_examples == 7
            assert settings.default.deadline == timedelta(milliseconds=123)
        """
    )
    pytester.runpytest_subprocess("--grad-level=fast").assert_outcomes(passed=1)


def test_a_check_under_hypothesis_is_told_in_full(failing: pytest.Pytester) -> None:
    failing.makepyfile(
        test_half="""
        import numpy as np
        from half import half
        from hypothesis import given, strategies as st
        from tinygraph.testing import gradcheck

        @given(st.integers(2, 4), st.integers(0, 99))
        def test_half(size, seed):
            gradcheck(half, np.random.default_rng(seed).standard_normal(size))
        """
    )
    result = failing.runpytest()
    result.stdout.fnmatch_lines(
        [
            "*size=2,*",
            "*- gradient report -*",
            "*rule: Half.backward (half.py:6)",
            "*x = np.array([[]0.0, 1.0[]])",
            "report.txt, reproduce.py, graph.svg",
        ]
    )
