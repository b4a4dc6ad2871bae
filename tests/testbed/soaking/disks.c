// The disks' part of `soak`: the writer in the guest, and what guest and host compare with.
#include "soaking.h"
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <linux/fs.h>

enum { WORDS = BLOCK_BYTES / 8, HEAD_WORDS = 4, READ_BLOCKS = 64, SECTORS_PER_BLOCK = BLOCK_BYTES / 512 };
static const uint64_t MAGIC = 0x6B616F7375626D76;

static uint64_t buffer[READ_BLOCKS * WORDS] __attribute__((aligned(BLOCK_BYTES)));
static uint64_t expected[WORDS];

static uint64_t name_word(const char *name)
{
    uint64_t word = 0;
    for (size_t i = 0; name[i] && i < 8; i++) word |= (uint64_t)(unsigned char)name[i] << (8 * i);
    return word;
}

void fill_block(uint64_t *block, uint64_t key, const char *name, uint64_t number)
{
    block[0] = MAGIC;
    block[1] = key;
    block[2] = name_word(name);
    block[3] = number;
    uint64_t state = (number + 1) * 0x9E3779B97F4A7C15 ^ key << 40 ^ block[2];
    for (int i = HEAD_WORDS; i < WORDS; i++)
    {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        block[i] = state;
    }
}

struct disk parse_disk(const char *text)
{
    struct disk disk = {0};
    char kind = 0;
    unsigned long long blocks = 0;
    if (sscanf(text, "%15[a-z]=%llu%c", disk.name, &blocks, &kind) < 2) errx(2, "'%s' is no NAME=BLOCKS", text);
    disk.blocks = blocks;
    disk.trimmed = kind == 't';
    if (blocks == 0 || blocks % (4 * READ_BLOCKS) != 0) errx(2, "'%s': the number of blocks must be a multiple of %d", text, 4 * READ_BLOCKS);
    return disk;
}

static uint64_t oldest(const struct disk *disk, uint64_t flushed)
{
    uint64_t quarter = disk->blocks / 4, end = disk->trimmed ? flushed - flushed % quarter : flushed;
    uint64_t kept = disk->trimmed ? 2 * quarter : disk->blocks;
    return end > kept ? end - kept : 0;
}

uint64_t wrong_blocks(int file, const struct disk *disk, uint64_t key, uint64_t flushed, uint64_t window)
{
    uint64_t wrong = 0;
    for (uint64_t first = oldest(disk, flushed), count; first < flushed; first += count)
    {
        uint64_t place = first % disk->blocks;
        count = READ_BLOCKS - place % READ_BLOCKS;
        if (count > flushed - first) count = flushed - first;
        size_t bytes = count * BLOCK_BYTES;
        bool readable = pread(file, buffer, bytes, (off_t)(place * BLOCK_BYTES)) == (ssize_t)bytes;
        if (!readable) tell("wrong %s: blocks %llu to %llu cannot be read: %s", disk->name, (unsigned long long)first, (unsigned long long)(first + count), strerror(errno));
        for (uint64_t i = 0; i < count; i++)
        {
            fill_block(expected, key, disk->name, first + i);
            if (readable && memcmp(&buffer[i * WORDS], expected, BLOCK_BYTES) == 0) continue;
            uint64_t over = first + i + disk->blocks;
            if (readable && over >= flushed && over < flushed + window) continue;
            if (wrong++ == 0 && readable)
            {
                const uint64_t *found = &buffer[i * WORDS];
                tell("wrong %s: block %llu at %llu holds %llx %llx %llx %llx", disk->name, (unsigned long long)(first + i), (unsigned long long)(place + i),
                    (unsigned long long)found[0], (unsigned long long)found[1], (unsigned long long)found[2], (unsigned long long)found[3]);
            }
        }
    }

    return wrong;
}

// Where the writing goes on: the batch of the newest whole block, 0 on a fresh disk. False when the disk cannot be read.
static bool find_end(int file, const struct disk *disk, uint64_t key, uint64_t *end)
{
    uint64_t newest = 0;
    bool any = false;
    for (uint64_t place = 0; place < disk->blocks; place += READ_BLOCKS)
    {
        if (pread(file, buffer, sizeof(buffer), (off_t)(place * BLOCK_BYTES)) != sizeof(buffer)) return false;
        for (uint64_t i = 0; i < READ_BLOCKS; i++)
        {
            const uint64_t *block = &buffer[i * WORDS];
            uint64_t number = block[3];
            if (block[0] != MAGIC || number % disk->blocks != place + i || (any && number <= newest)) continue;
            fill_block(expected, key, disk->name, number);
            if (memcmp(block, expected, BLOCK_BYTES) != 0) continue;
            newest = number;
            any = true;
        }
    }

    *end = any ? newest - newest % BATCH_BLOCKS : 0;
    return true;
}

// The kernel names disks in the order in which it finds them: they are told apart by size.
static bool find_device(const struct disk *disk, char *path, size_t bytes)
{
    DIR *devices = opendir("/sys/block");
    if (devices == NULL) return false;
    bool found = false;
    for (struct dirent *entry; !found && (entry = readdir(devices)) != NULL;)
    {
        char size_path[300];
        unsigned long long sectors = 0;
        if (strncmp(entry->d_name, "sd", 2) != 0) continue;
        snprintf(size_path, sizeof(size_path), "/sys/block/%s/size", entry->d_name);
        FILE *size = fopen(size_path, "re");
        if (size == NULL) continue;
        found = fscanf(size, "%llu", &sectors) == 1 && sectors == disk->blocks * SECTORS_PER_BLOCK;
        fclose(size);
        if (found) snprintf(path, bytes, "/dev/%s", entry->d_name);
    }

    closedir(devices);
    return found;
}

static bool open_device(const struct disk *disk, int *buffered, int *direct)
{
    char path[300];
    if (!find_device(disk, path, sizeof(path))) return false;
    *buffered = open(path, O_RDWR | O_CLOEXEC);
    *direct = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
    if (*buffered >= 0 && *direct >= 0) return true;
    if (*buffered >= 0) close(*buffered);
    if (*direct >= 0) close(*direct);
    return false;
}

// Batches go by turns through the guest's page cache, in one piece, and past it, a block at a time.
static bool write_batch(const struct disk *disk, uint64_t key, uint64_t first, int buffered, int direct)
{
    uint64_t quarter = disk->blocks / 4, place = first % disk->blocks;
    if (disk->trimmed && first % quarter == 0)
    {
        uint64_t range[] = {(place + quarter) % disk->blocks * BLOCK_BYTES, quarter * BLOCK_BYTES};
        if (ioctl(buffered, BLKDISCARD, range) != 0) return false;
    }

    for (uint64_t i = 0; i < BATCH_BLOCKS; i++) fill_block(&buffer[i * WORDS], key, disk->name, first + i);
    bool cached = first / BATCH_BLOCKS % 2 == 0;
    size_t bytes = cached ? BATCH_BLOCKS * BLOCK_BYTES : BLOCK_BYTES;
    for (size_t at = 0; at < BATCH_BLOCKS * BLOCK_BYTES; at += bytes)
    {
        ssize_t written = pwrite(cached ? buffered : direct, (char *)buffer + at, bytes, (off_t)(place * BLOCK_BYTES + at));
        if (written != (ssize_t)bytes)
        {
            if (written >= 0) errno = ENOSPC;
            return false;
        }
    }

    return fsync(buffered) == 0;
}

_Noreturn void write_disk(const struct disk *disk, uint64_t key, const struct orders *orders)
{
    int buffered = -1, direct = -1;
    bool is_open = false, known = false;
    uint64_t next = 0, window = BATCH_BLOCKS, told_at = 0, failed_at = 0;
    for (;;)
    {
        if (!is_open && !(is_open = open_device(disk, &buffered, &direct)))
        {
            sleep_ms(50);
            continue;
        }

        if (!known) known = find_end(direct, disk, key, &next);
        if (known && orders->hold)
        {
            uint64_t wrong = wrong_blocks(direct, disk, key, next, window);
            // Again and again: the console may lose a line to the kernel's own.
            for (unsigned i = 0; orders->hold; i++, sleep_ms(100))
                if (i % 20 == 0) tell("checked %s %llu %llu", disk->name, (unsigned long long)next, (unsigned long long)wrong);
        }

        if (known && write_batch(disk, key, next, buffered, direct))
        {
            next += BATCH_BLOCKS;
            window = 0;
            if (now_ms() - told_at >= TELL_MS)
            {
                tell("flushed %s %llu", disk->name, (unsigned long long)next);
                told_at = now_ms();
            }

            sleep_ms(10);
            continue;
        }

        if (now_ms() - failed_at >= TELL_MS)
        {
            tell("failed %s %d", disk->name, errno);
            failed_at = now_ms();
        }

        // It may be another device by now.
        close(buffered);
        close(direct);
        is_open = false;
        sleep_ms(100);
    }
}
