/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The test guest's only program: process 1 of a tiny Linux, so that a live test has a guest whose
 * every write is known. It loads the modules named in /modules, mounts what Linux wants mounted and
 * obeys one-line commands from a virtio-serial port (or the first serial port when there is none).
 *
 * Every 512-byte sector it writes is 16 times this stamp, little endian, so that any sector of an
 * image says who wrote it and when, and the host can rebuild an image from a list of writes:
 *
 *      "FLCSTAMP"  u64 offset of the sector  u64 number of the write  u64 number of the disk
 *
 * The storm is a writer that never stops: write number n (1, 2, ...) of worker w goes to disk
 * n % ndisks at a place that stormPlace() computes from (seed, w, n) alone. A worker has one write
 * in flight, so a disk set at one instant is "the writes 1..k of every worker" for some k, and
 * the host knows what that looks like. After each write a byte may go out on a second
 * virtio port: the host's clock does not stand still while the guest is stopped, the guest's does.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <linux/input.h>
#include <linux/reboot.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { SECTOR = 512, CHUNK = 1024 * 1024, MAX_DISKS = 16, MAX_WORKERS = 128, MAX_LATENCIES = 1 << 18 };

struct disk {
    char name[16];
    int fd;
};
static struct disk disks[MAX_DISKS];
static unsigned int ndisks;
static int commandFd = -1;
static int tickFd = -1;

struct worker {
    pthread_t thread;
    unsigned int index;
    pthread_mutex_t lock;        /* guards all below */
    uint64_t done;               /* writes acknowledged by the disk */
    uint64_t failed;             /* number of the write that failed, 0 = none */
    int error;
    uint32_t *latencyUs;         /* since the last look */
    unsigned int nlatencies;
};
static struct {
    struct worker workers[MAX_WORKERS];
    unsigned int nworkers;
    unsigned int disks[MAX_DISKS];
    unsigned int ndisks;
    uint64_t span, block, seed, pauseUs;
    bool running;                /* written by the command thread only */
    _Atomic int stop;
} storm;

static void
reply(const char *format, ...)
{
    char line[4096];
    va_list ap;
    va_start(ap, format);
    int n = vsnprintf(line, sizeof(line) - 1, format, ap);
    va_end(ap);
    if (n > (int) sizeof(line) - 2)
        n = sizeof(line) - 2;
    line[n++] = '\n';
    for (int done = 0; done < n;) {
        ssize_t r = write(commandFd, line + done, n - done);
        if (r > 0)
            done += r;
        else
            usleep(10000);       /* nobody listens at the host's end */
    }
}

/* Disks */

static struct disk *
diskOpen(const char *name)
{
    for (unsigned int i = 0; i < ndisks; i++) {
        if (strcmp(disks[i].name, name) == 0)
            return &disks[i];
    }
    char path[32];
    snprintf(path, sizeof(path), "/dev/%.15s", name);
    int fd = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
    if (fd < 0 && errno == EROFS)
        fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
    if (fd < 0 || ndisks == MAX_DISKS)
        return NULL;
    struct disk *d = &disks[ndisks++];
    snprintf(d->name, sizeof(d->name), "%.15s", name);
    d->fd = fd;
    return d;
}

/* vda -> 0, sdb -> 1: the number in the stamp */
static uint64_t
diskNumber(const struct disk *d)
{
    return (uint64_t) (d->name[strlen(d->name) - 1] - 'a');
}

static void *
bufferNew(size_t length)
{
    void *p = NULL;
    return posix_memalign(&p, 4096, length) == 0 ? p : NULL;
}

static void
stamp(unsigned char *buffer, uint64_t offset, uint64_t length, uint64_t number, uint64_t disk)
{
    for (uint64_t at = 0; at < length; at += SECTOR) {
        uint64_t words[4] = { 0, offset + at, number, disk };
        memcpy(&words[0], "FLCSTAMP", 8);
        for (unsigned int i = 0; i < SECTOR / sizeof(words); i++)
            memcpy(buffer + at + i * sizeof(words), words, sizeof(words));
    }
}

static int
diskWrite(struct disk *d, uint64_t offset, uint64_t length, uint64_t number)
{
    static unsigned char *buffer;
    if (!buffer && !(buffer = bufferNew(CHUNK)))
        return ENOMEM;
    while (length > 0) {
        uint64_t n = length < CHUNK ? length : CHUNK;
        stamp(buffer, offset, n, number, diskNumber(d));
        ssize_t r = pwrite(d->fd, buffer, n, offset);
        if (r != (ssize_t) n)
            return r < 0 ? errno : EIO;
        offset += n;
        length -= n;
    }
    return 0;
}

static uint32_t
crc32Update(uint32_t crc, const unsigned char *p, size_t n)
{
    static uint32_t table[256];
    if (!table[1]) {
        for (uint32_t i = 0; i < 256; i++) {
            uint32_t c = i;
            for (int k = 0; k < 8; k++)
                c = c & 1 ? 0xedb88320u ^ (c >> 1) : c >> 1;
            table[i] = c;
        }
    }
    crc = ~crc;
    while (n--)
        crc = table[(crc ^ *p++) & 0xff] ^ (crc >> 8);
    return ~crc;
}

static int
diskSum(struct disk *d, uint64_t offset, uint64_t length, uint32_t *crc)
{
    static unsigned char *buffer;
    if (!buffer && !(buffer = bufferNew(CHUNK)))
        return ENOMEM;
    *crc = 0;
    while (length > 0) {
        uint64_t n = length < CHUNK ? length : CHUNK;
        ssize_t r = pread(d->fd, buffer, n, offset);
        if (r != (ssize_t) n)
            return r < 0 ? errno : EIO;
        *crc = crc32Update(*crc, buffer, n);
        offset += n;
        length -= n;
    }
    return 0;
}

/* Storm */

static uint64_t
mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/* Worker w owns blocks w, w + nworkers, w + 2 * nworkers ... of every disk. */
static uint64_t
stormPlace(unsigned int w, uint64_t n)
{
    uint64_t blocks = storm.span / storm.block / storm.nworkers;
    uint64_t k = mix(storm.seed ^ mix(w ^ mix(n))) % blocks;
    return (k * storm.nworkers + w) * storm.block;
}

static uint64_t
nowUs(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static void
stormRecord(struct worker *w, uint64_t n, uint64_t us, int error)
{
    pthread_mutex_lock(&w->lock);
    if (error) {
        w->failed = n;
        w->error = error;
    } else {
        w->done = n;
        if (w->nlatencies < MAX_LATENCIES)
            w->latencyUs[w->nlatencies++] = us > UINT32_MAX ? UINT32_MAX : us;
    }
    pthread_mutex_unlock(&w->lock);
}

static void *
stormWorker(void *opaque)
{
    struct worker *w = opaque;
    unsigned char *buffer = bufferNew(storm.block);
    if (!buffer)
        return NULL;
    for (uint64_t n = 1; !storm.stop; n++) {
        struct disk *d = &disks[storm.disks[n % storm.ndisks]];
        uint64_t place = stormPlace(w->index, n);
        stamp(buffer, place, storm.block, n, diskNumber(d));
        uint64_t before = nowUs();
        ssize_t r = pwrite(d->fd, buffer, storm.block, place);
        int error = r == (ssize_t) storm.block ? 0 : r < 0 ? errno : EIO;
        stormRecord(w, n, nowUs() - before, error);
        if (error)
            break;
        if (tickFd >= 0 && write(tickFd, ".", 1) < 0 && errno != EAGAIN)
            usleep(1000);
        if (storm.pauseUs)
            usleep(storm.pauseUs);
    }
    free(buffer);
    return NULL;
}

/* "vda,vdb" */
static int
stormDisks(char *names)
{
    storm.ndisks = 0;
    char *save = NULL;
    for (char *name = strtok_r(names, ",", &save); name; name = strtok_r(NULL, ",", &save)) {
        struct disk *d = diskOpen(name);
        if (!d || storm.ndisks == MAX_DISKS)
            return -1;
        storm.disks[storm.ndisks++] = d - disks;
    }
    return storm.ndisks ? 0 : -1;
}

static void
cmdStorm(char **args)
{
    if (storm.running) {
        reply("error a storm is running");
        return;
    }
    if (stormDisks(args[0]) < 0) {
        reply("error no such disk in '%s'", args[0]);
        return;
    }
    storm.span = strtoull(args[1], NULL, 0);
    storm.block = strtoull(args[2], NULL, 0);
    storm.seed = strtoull(args[3], NULL, 0);
    storm.nworkers = strtoul(args[4], NULL, 0);
    storm.pauseUs = strtoull(args[5], NULL, 0);
    if (storm.nworkers < 1 || storm.nworkers > MAX_WORKERS || storm.block < SECTOR ||
        storm.block > CHUNK || storm.span / storm.block < storm.nworkers) {
        reply("error bad numbers");
        return;
    }
    storm.stop = 0;
    for (unsigned int i = 0; i < storm.nworkers; i++) {
        struct worker *w = &storm.workers[i];
        uint32_t *keep = w->latencyUs;
        memset(w, 0, sizeof(*w));
        w->latencyUs = keep ? keep : malloc(MAX_LATENCIES * sizeof(uint32_t));
        w->index = i;
        pthread_mutex_init(&w->lock, NULL);
        pthread_create(&w->thread, NULL, stormWorker, w);
    }
    storm.running = true;
    reply("ok");
}

static int
compareLatency(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *) a, y = *(const uint32_t *) b;
    return x < y ? -1 : x > y;
}

/* "ok DONE,DONE,... error N/ERRNO writes N p50 US p99 US max US": latencies since the last look */
static void
stormReport(void)
{
    static uint32_t *all;
    if (!all)
        all = malloc((size_t) MAX_WORKERS * MAX_LATENCIES * sizeof(uint32_t));
    char done[MAX_WORKERS * 22] = "";
    size_t length = 0, n = 0;
    uint64_t failed = 0;
    int error = 0;
    for (unsigned int i = 0; i < storm.nworkers; i++) {
        struct worker *w = &storm.workers[i];
        pthread_mutex_lock(&w->lock);
        length += snprintf(done + length, sizeof(done) - length, "%s%" PRIu64, i ? "," : "", w->done);
        memcpy(all + n, w->latencyUs, w->nlatencies * sizeof(uint32_t));
        n += w->nlatencies;
        w->nlatencies = 0;
        if (w->failed) {
            failed = w->failed;
            error = w->error;
        }
        pthread_mutex_unlock(&w->lock);
    }
    qsort(all, n, sizeof(*all), compareLatency);
    reply("ok %s error %" PRIu64 "/%d writes %zu p50 %u p99 %u max %u", done, failed, error, n,
          n ? all[n / 2] : 0, n ? all[n * 99 / 100] : 0, n ? all[n - 1] : 0);
}

static void
cmdCalm(char **args)
{
    (void) args;
    if (storm.running) {
        storm.stop = 1;
        for (unsigned int i = 0; i < storm.nworkers; i++)
            pthread_join(storm.workers[i].thread, NULL);
        storm.running = false;
    }
    stormReport();
}

static void
cmdStat(char **args)
{
    (void) args;
    stormReport();
}

/* Commands */

static void
replyErrno(int error)
{
    if (error)
        reply("error %s", strerror(error));
    else
        reply("ok");
}

static struct disk *
diskOrReply(const char *name)
{
    struct disk *d = diskOpen(name);
    if (!d)
        reply("error no disk '%s': %s", name, strerror(errno));
    return d;
}

static void
cmdPing(char **args)
{
    reply("ok %s", args[0]);
}

static void
cmdWrite(char **args)
{
    struct disk *d = diskOrReply(args[0]);
    if (d)
        replyErrno(diskWrite(d, strtoull(args[1], NULL, 0), strtoull(args[2], NULL, 0),
                             strtoull(args[3], NULL, 0)));
}

static void
cmdRange(char **args, unsigned long request)
{
    struct disk *d = diskOrReply(args[0]);
    uint64_t range[2] = { strtoull(args[1], NULL, 0), strtoull(args[2], NULL, 0) };
    if (d)
        replyErrno(ioctl(d->fd, request, range) < 0 ? errno : 0);
}

static void
cmdDiscard(char **args)
{
    cmdRange(args, BLKDISCARD);
}

static void
cmdZero(char **args)
{
    cmdRange(args, BLKZEROOUT);
}

static void
cmdSum(char **args)
{
    uint32_t crc = 0;
    struct disk *d = diskOrReply(args[0]);
    if (!d)
        return;
    int error = diskSum(d, strtoull(args[1], NULL, 0), strtoull(args[2], NULL, 0), &crc);
    if (error)
        replyErrno(error);
    else
        reply("ok %08x", crc);
}

static void
cmdSize(char **args)
{
    uint64_t size = 0;
    struct disk *d = diskOrReply(args[0]);
    if (!d)
        return;
    if (ioctl(d->fd, BLKGETSIZE64, &size) < 0)
        replyErrno(errno);
    else
        reply("ok %" PRIu64, size);
}

/* Before a disk is unplugged: a name in use would not be given to the next one. */
static void
cmdClose(char **args)
{
    for (unsigned int i = 0; i < ndisks; i++) {
        if (strcmp(disks[i].name, args[0]) == 0) {
            close(disks[i].fd);
            disks[i] = disks[--ndisks];
            break;
        }
    }
    reply("ok");
}

static void
cmdSync(char **args)
{
    (void) args;
    sync();
    int error = 0;
    for (unsigned int i = 0; i < ndisks; i++) {
        if (fsync(disks[i].fd) < 0)
            error = errno;
    }
    replyErrno(error);
}

static void
cmdDisks(char **args)
{
    (void) args;
    char line[512] = "ok";
    DIR *dir = opendir("/sys/block");
    for (struct dirent *e; dir && (e = readdir(dir));) {
        if (e->d_name[0] != '.' && (e->d_name[0] == 'v' || e->d_name[0] == 's'))
            snprintf(line + strlen(line), sizeof(line) - strlen(line), " %s", e->d_name);
    }
    if (dir)
        closedir(dir);
    reply("%s", line);
}

/* The whole rest of the line is for busybox; its output goes to the serial console. */
static void
cmdShell(char **args)
{
    pid_t pid = fork();
    if (pid == 0) {
        execl("/bin/busybox", "sh", "-c", args[0], (char *) NULL);
        _exit(127);
    }
    int status = -1;
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        reply("ok");
    else
        reply("error status %d", status);
}

/* relay A B: what comes in at either port goes out at the other, so that the host can play a program of
 * the guest. */
static void *
relayPump(void *opaque)
{
    int *fds = opaque;
    char buffer[4096];
    for (;;) {
        ssize_t n = read(fds[0], buffer, sizeof(buffer));
        if (n <= 0)
            usleep(10000);       /* nobody at the host's end */
        for (ssize_t done = 0, r; done < n; done += r > 0 ? r : 0) {
            if ((r = write(fds[1], buffer + done, n - done)) <= 0)
                usleep(10000);
        }
    }
    return NULL;
}

static int openPort(const char *wanted);

static void
cmdRelay(char **args)
{
    static int fds[2][2];
    pthread_t threads[2];
    int a = openPort(args[0]), b = openPort(args[1]);
    if (a < 0 || b < 0) {
        reply("error no such ports");
        return;
    }
    fds[0][0] = fds[1][1] = a;
    fds[0][1] = fds[1][0] = b;
    pthread_create(&threads[0], NULL, relayPump, fds[0]);
    pthread_create(&threads[1], NULL, relayPump, fds[1]);
    reply("ok");
}

static void
cmdPoweroff(char **args)
{
    (void) args;
    reply("ok");
    sync();
    reboot(RB_POWER_OFF);
}

static void
cmdReboot(char **args)
{
    (void) args;
    reply("ok");
    sync();
    reboot(RB_AUTOBOOT);
}

static const struct {
    const char *name;
    int nargs;                   /* -1: the rest of the line is one argument */
    void (*run)(char **args);
} commands[] = {
    { "ping", 1, cmdPing },       { "write", 4, cmdWrite }, { "sum", 3, cmdSum },
    { "discard", 3, cmdDiscard }, { "zero", 3, cmdZero },   { "size", 1, cmdSize },
    { "sync", 0, cmdSync },       { "close", 1, cmdClose },       { "disks", 0, cmdDisks }, { "sh", -1, cmdShell },
    { "storm", 6, cmdStorm },     { "stat", 0, cmdStat },   { "calm", 0, cmdCalm },
    { "poweroff", 0, cmdPoweroff }, { "reboot", 0, cmdReboot },
    { "relay", 2, cmdRelay },
};

static void
obey(char *line)
{
    char *save = NULL;
    char *rest = strchr(line, ' ');
    char *args[8] = { rest ? rest + 1 : line };
    char copy[1024];
    snprintf(copy, sizeof(copy), "%s", line);
    char *name = strtok_r(copy, " ", &save);
    if (!name)
        return;
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(commands[i].name, name) != 0)
            continue;
        int n = 0;
        while (commands[i].nargs >= 0 && n < 8 && (args[n] = strtok_r(NULL, " ", &save)))
            n++;
        if (commands[i].nargs >= 0 && n != commands[i].nargs)
            reply("error '%s' wants %d arguments", name, commands[i].nargs);
        else
            commands[i].run(args);
        return;
    }
    reply("error unknown command '%s'", name);
}

/* Start of the machine */

static void
loadModules(void)
{
    FILE *list = fopen("/modules", "r");
    char path[256];
    while (list && fgets(path, sizeof(path), list)) {
        path[strcspn(path, "\n")] = 0;
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST && errno != ENODEV))
            printf("guestd: %s: %s\n", path, strerror(errno));
        if (fd >= 0)
            close(fd);
    }
    if (list)
        fclose(list);
}

static int
openPort(const char *wanted)
{
    DIR *dir = opendir("/sys/class/virtio-ports");
    int fd = -1;
    for (struct dirent *e; dir && fd < 0 && (e = readdir(dir));) {
        char path[300], name[64] = "";
        snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name", e->d_name);
        FILE *f = fopen(path, "r");
        if (!f)
            continue;
        if (fgets(name, sizeof(name), f))
            name[strcspn(name, "\n")] = 0;
        fclose(f);
        if (strcmp(name, wanted) == 0) {
            snprintf(path, sizeof(path), "/dev/%s", e->d_name);
            fd = open(path, O_RDWR | O_CLOEXEC);
        }
    }
    if (dir)
        closedir(dir);
    return fd;
}

/* Virtio ports show up a little after the driver; a guest without one must not wait for long. */
static void
openPorts(void)
{
    for (int i = 0; i < 20 && commandFd < 0; i++) {
        commandFd = openPort("org.fleece.guest");
        if (commandFd < 0)
            usleep(50000);
    }
    tickFd = openPort("org.fleece.tick");
    if (tickFd >= 0)
        fcntl(tickFd, F_SETFL, O_NONBLOCK);
    if (commandFd >= 0)
        return;
    commandFd = open("/dev/ttyS0", O_RDWR | O_NOCTTY | O_CLOEXEC);
    struct termios t;
    if (commandFd >= 0 && tcgetattr(commandFd, &t) == 0) {
        t.c_lflag &= ~(ECHO | ICANON);
        t.c_oflag &= ~OPOST;
        tcsetattr(commandFd, TCSANOW, &t);
    }
}

/* The power button (virDomainShutdown) must end the guest as on a real machine. What is pressed before
 * somebody listens is lost, so it is opened before we say that we are ready. */
static int
openPowerButton(void)
{
    for (int i = 0; i < 16; i++) {
        char path[32], name[64] = "";
        int fd = -1;

        snprintf(path, sizeof(path), "/dev/input/event%d", i);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            continue;
        if (ioctl(fd, EVIOCGNAME(sizeof(name) - 1), name) >= 0 && !strcmp(name, "Power Button"))
            return fd;
        close(fd);
    }
    return -1;
}

static void *
powerButton(void *opaque)
{
    int fd = *(int *)opaque;
    struct input_event event;

    while (read(fd, &event, sizeof(event)) == sizeof(event)) {
        if (event.type == EV_KEY && event.code == KEY_POWER && event.value == 1) {
            sync();
            reboot(RB_POWER_OFF);
        }
    }
    return NULL;
}

static void
readCommands(void)
{
    char line[1024];
    size_t n = 0;
    for (;;) {
        char c;
        ssize_t r = read(commandFd, &c, 1);
        if (r != 1) {
            usleep(10000);
            continue;
        }
        if (c == '\n' || c == '\r') {
            line[n] = 0;
            n = 0;
            obey(line);
        } else if (n < sizeof(line) - 1) {
            line[n++] = c;
        }
    }
}

int
main(void)
{
    mkdir("/proc", 0755);
    mkdir("/sys", 0755);
    mkdir("/dev", 0755);
    mkdir("/mnt", 0755);
    mount("proc", "/proc", "proc", 0, NULL);
    mount("sysfs", "/sys", "sysfs", 0, NULL);
    mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
    int console = open("/dev/console", O_RDWR);
    if (console >= 0) {
        dup2(console, 0);
        dup2(console, 1);
        dup2(console, 2);
    }
    setvbuf(stdout, NULL, _IONBF, 0);
    loadModules();
    openPorts();
    static int button = -1;
    pthread_t thread;
    for (int i = 0; i < 100 && (button = openPowerButton()) < 0; i++)
        usleep(50000);
    if (button >= 0)
        pthread_create(&thread, NULL, powerButton, &button);
    else
        printf("no power button\n");
    printf("READY\n");
    readCommands();
    return 0;
}
