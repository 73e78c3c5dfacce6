# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Settings of each suite for a build with sanitizers; to be sourced. Leaks of other
# libraries are listed in lsan.supp only; the runtimes of gcc and clang both read it.
suppressions=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/lsan.supp
export LSAN_OPTIONS="${LSAN_OPTIONS:+$LSAN_OPTIONS:}print_suppressions=0:suppressions=$suppressions"

# sanitizers_report_to DIRECTORY: writes reports to files "report.PID" there, for
# programs whose output a script reads, or whose exit status does not report a leak.
sanitizers_report_to()
{
	export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}log_path=$1/report"
	export TSAN_OPTIONS="${TSAN_OPTIONS:+$TSAN_OPTIONS:}log_path=$1/report"
	export UBSAN_OPTIONS="${UBSAN_OPTIONS:+$UBSAN_OPTIONS:}print_stacktrace=1:log_path=$1/report"
}
