// The guest's side of `tests/testbed/soak`, and what its host compares with.
//
//   soak guest KEY ADDRESS PEER KERNEL INITRD DISK…   writes to the disks and sends to PEER, as lines on standard input say:
//       hold     compare what was written, tell, and wait; it starts so
//       go       write again
//       reset    the machine starts again, at once
//       kexec    so does the kernel: KERNEL with INITRD and the command line of the one that runs
//       end      the end
//   soak check FILE KEY DISK FLUSHED WINDOW           compares an image: prints how many of the blocks before FLUSHED are wrong, and has exit status 1 for any
//   soak serve ADDRESS                                the other end of transfers, for a guest that has no other guest
//
// KEY is a number of the partition's own, DISK is NAME=BLOCKS[t]. Lines on standard output begin with "soak:".
//   soak: flushed DISK N      the blocks before N are on the disk
//   soak: checked DISK N BAD  they were compared, and BAD were wrong
//   soak: failed DISK ERRNO   a write or flush failed; it is repeated until it does not
//   soak: moved N             so many transfers went there and back
//   soak: wrong …             what must not be; also what the guest's kernel warns of
#include "soaking.h"
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include <linux/reboot.h>

enum { READ_ALL = 3, MAX_CHILDREN = 32, LINE_BYTES = 400 };

void tell(const char *format, ...)
{
    char line[LINE_BYTES] = "soak: ";
    size_t used = strlen(line);
    va_list values;
    va_start(values, format);
    int length = vsnprintf(line + used, sizeof(line) - used - 1, format, values);
    va_end(values);
    used += length < 0 ? 0 : (size_t)length < sizeof(line) - used - 1 ? (size_t)length : sizeof(line) - used - 2;
    line[used++] = '\n';
    if (write(STDOUT_FILENO, line, used) < 0) _exit(1);
}

uint64_t now_ms(void)
{
    struct timespec time;
    // Not the clock that the host sets.
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

void sleep_ms(unsigned milliseconds) { usleep(milliseconds * 1000); }

static uint64_t parse_number(const char *text)
{
    char *end;
    uint64_t value = strtoull(text, &end, 10);
    if (*text == 0 || *end != 0) errx(2, "'%s' is no number", text);
    return value;
}

static int check_image(char **arguments)
{
    struct disk disk = parse_disk(arguments[2]);
    int file = open(arguments[0], O_RDONLY | O_CLOEXEC);
    if (file < 0) err(1, "%s", arguments[0]);
    uint64_t wrong = wrong_blocks(file, &disk, parse_number(arguments[1]), parse_number(arguments[3]), parse_number(arguments[4]));
    printf("%llu\n", (unsigned long long)wrong);
    return wrong != 0;
}

static void start_kernel(const char *kernel, const char *initrd)
{
    char line[4096] = "";
    int command = open("/proc/cmdline", O_RDONLY), kernel_file = open(kernel, O_RDONLY), initrd_file = open(initrd, O_RDONLY);
    ssize_t length = read(command, line, sizeof(line) - 1);
    while (length > 0 && line[length - 1] == '\n') line[--length] = 0;
    // The length counts the zero at the end.
    if (length >= 0 && syscall(SYS_kexec_file_load, kernel_file, initrd_file, (unsigned long)length + 1, line, 0ul) == 0) reboot(LINUX_REBOOT_CMD_KEXEC);
    tell("wrong kexec of %s: %s", kernel, strerror(errno));
}

// Tells the first warning of the kernel's that has not been told.
static void tell_warnings(void)
{
    static char log[1 << 18];
    static bool told;
    int bytes = klogctl(READ_ALL, log, sizeof(log) - 1);
    if (told || bytes <= 0) return;
    log[bytes] = 0;
    static const char *const signs[] = {"WARNING:", "BUG:", "Oops"};
    for (char *line = strtok(log, "\n"); line != NULL && !told; line = strtok(NULL, "\n"))
    {
        for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) told |= strstr(line, signs[i]) != NULL;
        if (told) tell("wrong kernel: %s", line);
    }
}

static void follow_orders(struct orders *orders, const char *kernel, const char *initrd)
{
    char line[64];
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    for (;;)
    {
        int status;
        pid_t ended = waitpid(-1, &status, WNOHANG);
        if (ended > 0) tell("wrong: a process of the load ended with %x", (unsigned)status);
        if (poll(&input, 1, 1000) <= 0) continue;
        ssize_t length = read(STDIN_FILENO, line, sizeof(line) - 1);
        if (length <= 0)
        {
            sleep_ms(1000);
            continue;
        }

        line[length] = 0;
        line[strcspn(line, "\r\n")] = 0;
        if (strcmp(line, "hold") == 0) tell_warnings(), orders->hold = true;
        else if (strcmp(line, "go") == 0) orders->hold = false;
        else if (strcmp(line, "reset") == 0) reboot(LINUX_REBOOT_CMD_RESTART);
        else if (strcmp(line, "kexec") == 0) start_kernel(kernel, initrd);
        else if (strcmp(line, "end") == 0) return;
    }
}

static int run_guest(int count, char **arguments)
{
    uint64_t key = parse_number(arguments[0]);
    const char *address = arguments[1], *peer = arguments[2];
    struct orders *orders = mmap(NULL, sizeof(*orders), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (orders == MAP_FAILED) err(1, "mmap");
    struct termios terminal;
    if (tcgetattr(STDIN_FILENO, &terminal) == 0)
    {
        terminal.c_lflag &= ~(tcflag_t)ECHO;
        tcsetattr(STDIN_FILENO, TCSANOW, &terminal);
    }

    orders->hold = true;
    pid_t children[MAX_CHILDREN];
    int started = 0;
    if ((children[started++] = fork()) == 0) serve_transfers(address);
    if ((children[started++] = fork()) == 0) send_transfers(key, address, peer);
    for (int i = 5; i < count && started < MAX_CHILDREN; i++)
    {
        struct disk disk = parse_disk(arguments[i]);
        if ((children[started++] = fork()) == 0) write_disk(&disk, key, orders);
    }

    // What was said before the machine started again may have no end.
    if (write(STDOUT_FILENO, "\n", 1) < 0) _exit(1);
    tell("up");
    follow_orders(orders, arguments[3], arguments[4]);
    while (started > 0) kill(children[--started], SIGKILL);
    tell("ended");
    return 0;
}

int main(int count, char **arguments)
{
    if (count == 7 && strcmp(arguments[1], "check") == 0) return check_image(arguments + 2);
    if (count == 3 && strcmp(arguments[1], "serve") == 0) serve_transfers(arguments[2]);
    if (count >= 7 && strcmp(arguments[1], "guest") == 0) return run_guest(count - 2, arguments + 2);
    errx(2, "bad usage; see the head of soaking/main.c");
}
