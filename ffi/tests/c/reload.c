/* A program that loads libactorbridge, has a node and a link, and unloads it at once, again and again. The node ends in the
 * background, in code of the library, so that stays where it is whatever dlclose is told. Usage: reload LIBRARY [ROUNDS] */
#define _POSIX_C_SOURCE 200809L

#include <dirent.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <actorbridge.h>

static void *find(void *library, const char *name) {
    void *function = dlsym(library, name);
    if (function == NULL) {
        fprintf(stderr, "%s: %s\n", name, dlerror());
        exit(1);
    }
    return function;
}

static void check(const char *doing, int32_t status) {
    if (status < 0) {
        fprintf(stderr, "%s: %d\n", doing, (int)status);
        exit(1);
    }
}

static void *once(void *path) {
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    int32_t (*node_open)(const ab_node_opts *, ab_node *, ab_error *);
    int32_t (*node_close)(ab_node);
    int32_t (*link_open)(ab_node, const uint8_t *, size_t, uint32_t, ab_link *, ab_error *);
    int32_t (*link_arm)(ab_link, uint32_t);
    ab_node_opts opts;
    ab_node node;
    ab_link link;
    if (library == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    /* C99 has no conversion from an object's pointer to a function's; POSIX says how. */
    *(void **)&node_open = find(library, "ab_node_open");
    *(void **)&node_close = find(library, "ab_node_close");
    *(void **)&link_open = find(library, "ab_link_open");
    *(void **)&link_arm = find(library, "ab_link_arm");
    memset(&opts, 0, sizeof opts);
    opts.struct_size = sizeof opts;
    opts.abi = AB_ABI_VERSION;
    opts.workers = 2;
    check("a node", node_open(&opts, &node, NULL));
    check("a link", link_open(node, NULL, 0, 1, &link, NULL));
    check("arm", link_arm(link, 0));
    check("close the node", node_close(node));
    if (dlclose(library) != 0) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    return NULL;
}

/* How many threads the process has. */
static int threads(void) {
    int n = 0;
    struct dirent *task;
    DIR *folder = opendir("/proc/self/task");
    while (folder != NULL && (task = readdir(folder)) != NULL)
        n += task->d_name[0] != '.';
    if (folder != NULL)
        closedir(folder);
    return n;
}

int main(int argc, char **argv) {
    int rounds = argc > 2 ? atoi(argv[2]) : 20;
    time_t end;
    void *library;
    if (argc < 2)
        return 2;
    /* In threads that end: what the library holds for a thread ends with it, and so do the reasons to keep the library. */
    while (rounds-- > 0) {
        pthread_t user;
        if (pthread_create(&user, NULL, once, argv[1]) != 0 || pthread_join(user, NULL) != 0)
            return 1;
    }
    for (end = time(NULL) + 20; threads() > 1;) {
        struct timespec moment = {0, 5000000};
        nanosleep(&moment, NULL);
        if (time(NULL) > end) {
            fprintf(stderr, "%d threads are left\n", threads());
            return 1;
        }
    }
    /* Nothing of it runs any more, and nobody has it open. */
    library = dlopen(argv[1], RTLD_NOW);
    if (library == NULL || dlclose(library) != 0 || dlopen(argv[1], RTLD_NOW | RTLD_NOLOAD) == NULL) {
        fprintf(stderr, "the library was unloaded\n");
        return 1;
    }
    return 0;
}
