#include "machine.h"

#define SERIAL 0x3F8
#define POWER_CONTROL 0x604
#define REFERENCE_TIME 0x40000020
#define TICKS_PER_MINUTE 600000000ull
#define LOCAL_APIC 0xFEE00000ull
#define SECOND_START 0x8000ull

extern const u8 second_start[], second_start_end[];

static const char *attack = "start";
static u64 passed, failed, failed_before;
static const char *rule;
static void (*volatile second_job)(void);

void *memcpy(void *target, const void *source, size_t bytes)
{
    void *result = target;
    __asm__ volatile("rep movsb" : "+D"(target), "+S"(source), "+c"(bytes) : : "memory");
    return result;
}

void *memset(void *target, int value, size_t bytes)
{
    void *result = target;
    __asm__ volatile("rep stosb" : "+D"(target), "+c"(bytes) : "a"(value) : "memory");
    return result;
}

int memcmp(const void *left, const void *right, size_t bytes)
{
    const u8 *a = left, *b = right;
    for (size_t i = 0; i < bytes; i++)
        if (a[i] != b[i]) return a[i] < b[i] ? -1 : 1;
    return 0;
}

u64 next_random(u64 *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

void print(const char *text)
{
    for (; *text; text++) out8(SERIAL, (u8)*text);
}

void print_number(u64 value)
{
    print("0x");
    int shift = 60;
    while (shift > 0 && value >> shift == 0) shift -= 4;
    for (; shift >= 0; shift -= 4) out8(SERIAL, (u8)"0123456789abcdef"[value >> shift & 15]);
}

void begin(const char *name)
{
    attack = name;
    print("attack ");
    print(name);
    print("\n");
}

static void report(const char *what)
{
    failed++;
    print("FAILED ");
    print(attack);
    print(": ");
    print(what);
}

void check(const char *what, u64 expected, u64 got)
{
    if (expected == got)
    {
        passed++;
        return;
    }

    report(what);
    print(": expected ");
    print_number(expected);
    print(", got ");
    print_number(got);
    print("\n");
}

void tell_rule(const char *id, bool kept, const char *evidence)
{
    print("rule ");
    print(id);
    print(kept ? " pass " : " FAIL ");
    print(evidence);
    print("\n");
}

void begin_rule(const char *id)
{
    rule = id;
    failed_before = failed;
}

void end_rule(const char *evidence)
{
    tell_rule(rule, failed == failed_before, evidence);
    rule = NULL;
}

void fatal(const char *what, u64 value)
{
    report(what);
    print(": ");
    print_number(value);
    print("\n");
    finish();
}

void finish(void)
{
    if (rule) end_rule("it did not come so far");
    print("passed ");
    print_number(passed);
    print(" failed ");
    print_number(failed);
    print("\n");
    power_off();
}

void power_off(void)
{
    out16(POWER_CONTROL, 5 << 10 | 1 << 13);
    for (;;) pause();
}

void sample(void)
{
    out8(SERIAL + 4, 3);    // the host sends nothing before the guest is ready to receive
    print("sample\n");
    struct limit limit = {0};
    while (!(in8(SERIAL + 5) & 1)) wait(&limit, "the host's answer to a sample");
    in8(SERIAL);
}

void wait(struct limit *limit, const char *what)
{
    pause();
    if (++limit->spins % 4096 != 1) return;
    u64 now = read_msr(REFERENCE_TIME);
    if (!limit->end) limit->end = now + TICKS_PER_MINUTE;
    if (now > limit->end) fatal(what, 0);
}

static void send_interrupt(u32 command)
{
    *(volatile u32 *)(LOCAL_APIC + 0x310) = 1u << 24;
    *(volatile u32 *)(LOCAL_APIC + 0x300) = command;
}

void run_on_second(void (*job)(void))
{
    second_job = job;
    *(volatile u32 *)(LOCAL_APIC + 0xF0) = 0x1FF;
    memcpy((void *)SECOND_START, second_start, (size_t)(second_start_end - second_start));
    send_interrupt(0x4500);
    send_interrupt(0x4600 | (u32)(SECOND_START / PAGE));
}

void second_processor(void)
{
    second_job();
    second_job = NULL;
    // Until it is started again.
    for (;;) __asm__ volatile("hlt");
}

void join_second(void)
{
    struct limit limit = {0};
    while (second_job) wait(&limit, "the second processor's job");
}
