/* The first process of every pod: it only waits, buries orphans, and ends when it is told to. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void end(int number) {
    (void)number;
    _exit(0);
}

static void bury(int number) {
    (void)number;
    while (waitpid(-1, NULL, WNOHANG) > 0) {
    }
}

int main(void) {
    struct sigaction child = {.sa_handler = bury, .sa_flags = SA_NOCLDSTOP};
    signal(SIGINT, end);
    signal(SIGTERM, end);
    sigaction(SIGCHLD, &child, NULL);
    for (;;) {
        pause();
    }
}
