# SPDX-License-Identifier: MIT
systemdsystemunit_DATA = %D%/dmabuffs.service
EXTRA_DIST += %D%/dmabuffs.service.in %D%/fstab.example
CLEANFILES += %D%/dmabuffs.service

# By make, since configure leaves ${exec_prefix} in directories, which systemd cannot read.
%D%/dmabuffs.service: %D%/dmabuffs.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) %D% && \
	$(SED) 's|@sbindir[@]|$(sbindir)|' $(srcdir)/%D%/dmabuffs.service.in >$@.tmp && \
	mv $@.tmp $@

# The example of libdmabuffs that `./bootstrap demo` runs.
noinst_PROGRAMS += %D%/examples/share
%C%_examples_share_SOURCES = \
	%D%/examples/share.c \
	%D%/examples/stage.c %D%/examples/stage.h
%C%_examples_share_CFLAGS = $(AM_CFLAGS) $(SODIUM_CFLAGS)
%C%_examples_share_LDADD = lib/dmabuffs/libdmabuffs.la $(SODIUM_LIBS)

# A device of one's own for libaccel; the suite install builds it as a stranger would.
noinst_PROGRAMS += %D%/examples/backend
%C%_examples_backend_SOURCES = %D%/examples/backend.c
%C%_examples_backend_LDADD = lib/accel/libaccel.la

# One command for two processes and their memory, see dmabuffs-accel(7).
noinst_PROGRAMS += %D%/examples/joint
%C%_examples_joint_SOURCES = \
	%D%/examples/joint.c \
	%D%/examples/stage.c %D%/examples/stage.h
%C%_examples_joint_LDADD = lib/dmabuffs/libdmabuffs.la

# Programs as one writes them for HIP, see hipipc(7); without a GPU, with the software
# runtime. The parent starts the child that lies beside it.
noinst_PROGRAMS += %D%/examples/ipc_parent %D%/examples/ipc_child
hip_example_cppflags = $(AM_CPPFLAGS) -I$(top_srcdir)/include/hipsoft
hip_example_libraries = lib/hipipc/libhipipc.la lib/hipsoft/libhipsoft.la
%C%_examples_ipc_parent_SOURCES = \
	%D%/examples/ipc_parent.c %D%/examples/ipc_pair.h \
	%D%/examples/stage.c %D%/examples/stage.h
%C%_examples_ipc_parent_CPPFLAGS = $(hip_example_cppflags)
%C%_examples_ipc_parent_LDADD = $(hip_example_libraries)
%C%_examples_ipc_child_SOURCES = \
	%D%/examples/ipc_child.c %D%/examples/ipc_pair.h \
	%D%/examples/stage.c %D%/examples/stage.h
%C%_examples_ipc_child_CPPFLAGS = $(hip_example_cppflags)
%C%_examples_ipc_child_LDADD = $(hip_example_libraries)
