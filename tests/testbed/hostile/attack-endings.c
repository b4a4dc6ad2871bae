#include "attacks.h"

#define LIFE_BLOCK 0u
#define LIVES 4u

static volatile bool stop;

static void send_load(u32 count)
{
    struct vstor request = make_request(0, READ_DATA, 128, TRANSFER_PAGES * PAGE);
    struct buffer buffer = make_buffer(TRANSFER_PAGES * PAGE);
    for (u32 i = 0; i < count; i++) send_request(i % 2 ? &primary : &subchannel, &request, &buffer, 1 + i);
}

static void unload_under_load(void)
{
    begin("UNLOAD in the middle");
    for (u32 round = 0; round < 30; round++)
    {
        send_load(round * 4);
        post_words(1, UNLOAD);
        expect_message("UNLOAD_RESPONSE", UNLOAD_RESPONSE, 0);
        // The host does not touch the guest's memory any more.
        memset(transfer_area, 0x5A, sizeof(transfer_area));
        memset(primary.rings, 0x5A, 2 * RING_PAGES * PAGE);
        for (u32 i = 0; i < 100; i++) signal(i % 2 ? primary.connection : subchannel.connection);
        u32 changed = 0;
        for (u32 i = 0; i < sizeof(transfer_area); i++) changed += transfer_area[i] != 0x5A;
        for (u32 i = 0; i < 2 * RING_PAGES * PAGE; i++) changed += primary.rings[i] != 0x5A;
        check("bytes that changed after it", 0, changed);
        recover();
    }

    begin("contact in the middle");
    for (u32 round = 0; round < 30; round++)
    {
        send_load(round * 4);
        recover();
    }
}

static void keep_going(void)
{
    while (!stop)
    {
        signal(primary.connection);
        struct message message = {{GPADL_TEARDOWN, 0, 1, 0xBB000}};
        post_to(1, 1, 16, &message);
    }
}

// How often the machine was started, kept on the disk.
static u32 next_life(void)
{
    struct buffer buffer = make_buffer(512);
    struct vstor request = make_request(0, READ_DATA, LIFE_BLOCK, 512);
    check("status", SRB_SUCCESS, exchange(&primary, &request, &buffer).srb_status);
    u32 life = ++*(u32 *)transfer_area;
    request = make_request(0, WRITE_DATA, LIFE_BLOCK, 512);
    check("status", SRB_SUCCESS, exchange(&primary, &request, &buffer).srb_status);
    return life;
}

static void reset_under_load(u32 life)
{
    begin("reset in the middle");
    run_on_second(keep_going);
    send_load(40);
    if (life == 1) out8(0xCF9, 6);
    else if (life == 2) out8(0x64, 0xFE);
    else if (life == 3) write_msr(0x40000003, 1);
    else
    {
        // An exception without a handler, and so a triple fault.
        static const struct __attribute__((packed)) { u16 limit; u64 base; } none;
        __asm__ volatile("lidt %0; ud2" : : "m"(none));
    }

    for (;;) pause();
}

void attack_endings(void)
{
    u32 life = next_life();
    if (life == 1) unload_under_load();
    if (life <= LIVES) reset_under_load(life);
    begin("after all resets");
    check("starts of the machine", LIVES + 1, life);
    check_storage();
}
