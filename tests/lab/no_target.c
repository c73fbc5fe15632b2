/* A kernel that has not the extension named by NO_EXTENSION, seen by one family: NO_FAMILY is 4, 6, or not set for both.
 *
 * iptables (legacy) asks the kernel for the newest revision of each extension with getsockopt; this answers as a kernel
 * without its module does. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { REVISION_MATCH = 66, REVISION_TARGET = 67, REVISION_MATCH6 = 68, REVISION_TARGET6 = 69 };

int getsockopt(int fd, int level, int option, void *value, socklen_t *size)
{
    static int (*real)(int, int, int, void *, socklen_t *);
    const char *name = getenv("NO_EXTENSION"), *family = getenv("NO_FAMILY");
    int v4 = level == IPPROTO_IP && (option == REVISION_MATCH || option == REVISION_TARGET);
    int v6 = level == IPPROTO_IPV6 && (option == REVISION_MATCH6 || option == REVISION_TARGET6);

    if (family && *family == '4')
        v6 = 0;
    if (family && *family == '6')
        v4 = 0;
    if (name && (v4 || v6) && !strcmp(value, name)) { /* the question begins with the name */
        errno = ENOENT;
        return -1;
    }
    if (!real)
        real = dlsym(RTLD_NEXT, "getsockopt");
    return real(fd, level, option, value, size);
}
