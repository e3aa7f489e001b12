/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How many calls a second a daemon answers: lookup by name and state, over and over, on N
 * connections at once. In C, because an interpreter would be the slowest part.
 *
 *   calls URI CONNECTIONS SECONDS DOMAIN      prints calls a second, all connections together
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#define MAX_CONNECTIONS 64

static const char *domainName;
static atomic_bool over;

static void *
callUntilOver(void *opaque)
{
    virConnectPtr conn = opaque;
    unsigned long *count = calloc(1, sizeof(*count));

    while (!over) {
        virDomainPtr dom = virDomainLookupByName(conn, domainName);
        int state = 0;

        if (!dom || virDomainGetState(dom, &state, NULL, 0) < 0) {
            fprintf(stderr, "calls: %s\n", virGetLastErrorMessage());
            exit(1);
        }
        virDomainFree(dom);
        *count += 2;
    }
    return count;
}

static double
now(void)
{
    struct timespec t = {0};

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

int
main(int argc, char **argv)
{
    pthread_t threads[MAX_CONNECTIONS];
    virConnectPtr conns[MAX_CONNECTIONS];
    int n = argc == 5 ? atoi(argv[2]) : 0;
    double begin = 0;
    unsigned long total = 0;

    if (n < 1 || n > MAX_CONNECTIONS) {
        fprintf(stderr, "usage: calls URI CONNECTIONS SECONDS DOMAIN\n");
        return 2;
    }
    domainName = argv[4];
    for (int i = 0; i < n; i++) {
        if (!(conns[i] = virConnectOpen(argv[1])))
            return 1;
    }
    begin = now();
    for (int i = 0; i < n; i++)
        pthread_create(&threads[i], NULL, callUntilOver, conns[i]);
    while (now() - begin < atof(argv[3]))
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    over = true;
    for (int i = 0; i < n; i++) {
        void *count = NULL;

        pthread_join(threads[i], &count);
        total += *(unsigned long *)count;
        free(count);
    }
    printf("%.0f\n", total / (now() - begin));
    for (int i = 0; i < n; i++)
        virConnectClose(conns[i]);
    return 0;
}
