import platform
import subprocess
import sys

import pytest

CHURN = """
import resource, numpy as np
{first}
def churn():
    arrays = [np.ones(300_000, np.float32) for _ in range(9)]
churn()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    churn()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(first):
    program = [sys.executable, "-c", CHURN.format(first=first)]
    return int(subprocess.run(program, capture_output=True, check=True, text=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries do as they like")
def test_memory_that_was_freed_is_used_again():
    assert page_faults("import tinygraph.kernels") < page_faults("") / 20
