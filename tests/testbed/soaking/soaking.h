// What the parts of `soak` share: numbered blocks whose every byte follows from who has written them and their number.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BLOCK_BYTES = 4096, BATCH_BLOCKS = 16, TELL_MS = 200 };

// A disk is written round and round: block n of all that are ever written lies at n modulo `blocks`. Batches are flushed one after the other, so after a
// fault only the blocks of one batch may be there or not. Of a trimmed disk the quarter after the one that is being written is discarded.
struct disk { char name[16]; uint64_t blocks; bool trimmed; };

// Shared by the processes in a guest.
struct orders { volatile bool hold; };

// A line on the console, whole.
void tell(const char *format, ...) __attribute__((format(printf, 1, 2)));
uint64_t now_ms(void);
void sleep_ms(unsigned milliseconds);

void fill_block(uint64_t *block, uint64_t key, const char *name, uint64_t number);

// NAME=BLOCKS, with a `t` after it for a trimmed disk. The number of blocks is how the guest knows the disk.
struct disk parse_disk(const char *text);

// How many blocks before `flushed` are not what was written; `window` more may have been written over the oldest.
uint64_t wrong_blocks(int file, const struct disk *disk, uint64_t key, uint64_t flushed, uint64_t window);

_Noreturn void write_disk(const struct disk *disk, uint64_t key, const struct orders *orders);

// Answers each transfer to `address` with one, after it has compared every byte.
_Noreturn void serve_transfers(const char *address);

// Sends transfers from this guest's adapter, which gets `address` whenever it has none, to `peer`, and compares the answers.
_Noreturn void send_transfers(uint64_t key, const char *address, const char *peer);
