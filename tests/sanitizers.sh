# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# What every suite sets for a build with sanitizers. To be sourced. Leaks of other
# libraries are in lsan.supp, and only there; gcc's and clang's runtime both read it.
suppressions=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/lsan.supp
export LSAN_OPTIONS="${LSAN_OPTIONS:+$LSAN_OPTIONS:}print_suppressions=0:suppressions=$suppressions"

# sanitizers_report_to DIRECTORY: reports go to files "report.PID" there, for programs whose
# output is read by a script, or whose status does not report a leak.
sanitizers_report_to()
{
	export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}log_path=$1/report"
	export TSAN_OPTIONS="${TSAN_OPTIONS:+$TSAN_OPTIONS:}log_path=$1/report"
	export UBSAN_OPTIONS="${UBSAN_OPTIONS:+$UBSAN_OPTIONS:}print_stacktrace=1:log_path=$1/report"
}
