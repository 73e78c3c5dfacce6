/* SPDX-License-Identifier: MIT */
/* commands.c - the table of subcommands and their help */
#include "cli.h"

#define JSON_HELP "  -j, --json               as JSON\n"

const struct command commands[] = {
	{"mount", "[-f] [-o OPTIONS] [TARGET]", "start an instance (runs dmabuffsd)",
	 "  -f, --foreground         stay in the foreground and log to stderr\n"
	 "  -o, --options OPTIONS    mount options, see dmabuffsd(8)\n",
	 command_mount},
	{"export", "[OPTION...] FILE|-", "load a file into a buffer and give it a name",
	 "Prints the UUID; the name lives while the command runs.\n\n"
	 "  -l, --label TEXT         a description, printable ASCII\n"
	 "      --mode OCTAL         permission bits of the name (0600)\n"
	 "  -p, --persist            return at once; the name stays until rm\n"
	 "  -r, --readonly           it cannot be opened for writing\n"
	 "  -s, --seal               seal size and content: it cannot be revoked\n",
	 command_export},
	{"import", "[OPTION...] UUID [--exec COMMAND [ARGUMENT...]]",
	 "write a buffer to stdout, or pass it to a command",
	 "  -b, --buffer             the real descriptor instead of the file\n"
	 "  -w, --write              open it for reading and writing\n"
	 "      --exec COMMAND...    run it with the descriptor inherited: its number "
	 "is\n"
	 "                           in $DMABUFFS_FD, and {} in an argument becomes\n"
	 "                           /proc/self/fd/NUMBER; takes all that follows\n",
	 command_import},
	{"ls", "[OPTION...]", "list your names (root: all)",
	 "  -B, --bytes              sizes in bytes\n" JSON_HELP
	 "  -q, --quiet              the UUIDs only\n",
	 command_ls},
	{"stat", "[-j] UUID", "show everything about a name", JSON_HELP, command_stat},
	{"rm", "UUID...", "remove names; importers keep the buffers", NULL, command_rm},
	{"revoke", "UUID...", "remove names and free their memory", NULL, command_revoke},
	{"watch", "[-n SECONDS]", "follow the names that are added and removed",
	 "Redraws a table on a terminal, otherwise prints lines: + UUID ..., - "
	 "UUID.\n\n"
	 "  -n, --interval SECONDS   how often to list, 0.1 to 3600 (1)\n",
	 command_watch},
	{"stats", "[-j]", "show what is in use of your limits and the mount's", JSON_HELP,
	 command_stats},
	{"devices", "[-j] [DEVICE]",
	 "show the accelerators and how much of them is in use", JSON_HELP,
	 command_devices},
	{"upgrade", "[TARGET]", "continue with the program that is installed now", NULL,
	 command_upgrade},
	{NULL},
};
