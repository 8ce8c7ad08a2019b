/* A program that forks and executes while a node is open, and links open and close: what is executed has none of the
 * library's descriptors. Usage: fork [ROUNDS] */
#define _POSIX_C_SOURCE 200809L

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <actorbridge.h>

static ab_node node;
static volatile sig_atomic_t over;

static void check(const char *doing, int32_t status) {
    if (status < 0) {
        fprintf(stderr, "%s: %s\n", doing, ab_status_name(status));
        exit(1);
    }
}

/* Opens links, uses their doorbells, and closes them. */
static void *links(void *unused) {
    (void)unused;
    while (!over) {
        ab_link link;
        int32_t fd;
        check("a link", ab_link_open(node, NULL, 0, 1, &link, NULL));
        check("its doorbell", ab_link_fd(link, 0, &fd));
        check("arm", ab_link_arm(link, 0));
        check("close the link", ab_link_close(link));
    }
    return NULL;
}

/* What was executed: it has its standard descriptors, and the one it reads the folder by. */
static int child(void) {
    int found = 0;
    struct dirent *file;
    DIR *folder = opendir("/proc/self/fd");
    if (folder == NULL)
        return 2;
    while ((file = readdir(folder)) != NULL) {
        char path[300], to[300];
        ssize_t n;
        snprintf(path, sizeof path, "/proc/self/fd/%s", file->d_name);
        n = readlink(path, to, sizeof to - 1);
        if (n <= 0 || atoi(file->d_name) == dirfd(folder))
            continue;
        to[n] = 0;
        if (strncmp(to, "anon_inode", 10) == 0 || strstr(to, "memfd") != NULL) {
            fprintf(stderr, "a child has %s as descriptor %s\n", to, file->d_name);
            found = 1;
        }
    }
    closedir(folder);
    return found;
}

int main(int argc, char **argv) {
    int rounds = argc > 1 ? atoi(argv[1]) : 100;
    pthread_t others[2];
    ab_node_opts opts;
    size_t i;
    if (argc > 1 && strcmp(argv[1], "child") == 0)
        return child();
    memset(&opts, 0, sizeof opts);
    opts.struct_size = sizeof opts;
    opts.abi = AB_ABI_VERSION;
    opts.workers = 1;
    check("a node", ab_node_open(&opts, &node, NULL));
    for (i = 0; i < 2; i++)
        if (pthread_create(&others[i], NULL, links, NULL) != 0)
            return 1;
    while (rounds-- > 0) {
        int status = -1;
        pid_t pid = fork();
        if (pid == 0) {
            execl("/proc/self/exe", argv[0], "child", (char *)NULL);
            _exit(3);
        }
        if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
            fprintf(stderr, "the child ended with %d\n", status);
            return 1;
        }
    }
    over = 1;
    for (i = 0; i < 2; i++)
        pthread_join(others[i], NULL);
    check("close the node", ab_node_close(node));
    return 0;
}
