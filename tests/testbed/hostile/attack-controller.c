// The synthetic interrupt controller, rule by rule: what only a guest with processors of its own can see. protocol-spec/synic.md#rules.
#include "attacks.h"

#define EOM 0x40000084u
#define SINT2 0x40000092u
#define SINT_ON 0xF3u
#define SINT_MASKED (1u << 16 | SINT_ON)
#define CRASH_P0 0x40000100u
#define CRASH_CONTROL 0x40000105u
#define VERSION_2_4 0x00020004u
#define FLAGS 512u          // of SINT 2, in an event page

static bool is_taken(u32 processor) { return *(volatile u32 *)slot_of(processor) != 0; }

static void await_message(const char *what, u32 processor)
{
    struct limit limit = {0};
    while (!is_taken(processor)) wait(&limit, what);
}

static u32 word_of(u32 processor, u32 index) { return ((volatile u32 *)(slot_of(processor) + 16))[index]; }

static void free_slot(u32 processor)
{
    *(volatile u32 *)slot_of(processor) = 0;
    full_barrier();
}

static void respect_slots(void)
{
    begin("message slots that are taken");
    begin_rule("SY-8");
    volatile u8 *slot = slot_of(0);
    for (u32 i = 0; i < 200; i++)
    {
        // Were the type written first, some of this would be seen behind it.
        for (u32 at = 4; at < 256; at++) slot[at] = 0xEE;
        u32 first = 0xAA000 + 2 * i;
        post_words(3, GPADL_TEARDOWN, primary_id, first);
        post_words(3, GPADL_TEARDOWN, primary_id, first + 1);
        await_message("the first message", 0);
        check("its payload bytes", 12, slot[4]);
        check("its number", GPADL_TORNDOWN, word_of(0, 0));
        check("what it is about", first, word_of(0, 2));
        struct limit limit = {0};
        while (!(slot[5] & 1)) wait(&limit, "the word that a message waits");
        check("what the slot holds while the second one waits", first, word_of(0, 2));
        free_slot(0);
        write_msr(EOM, 0);
        await_message("the second message", 0);
        check("what the second one is about", first + 1, word_of(0, 2));
        bool more = slot[5] & 1;
        free_slot(0);
        if (more) write_msr(EOM, 0);
    }

    end_rule("200 pairs: the second of each waited, flagged in the slot, until the first was taken");
}

static void keep_messages_of(const char *what, u32 msr, u64 off)
{
    u64 on = read_msr(msr);
    begin(what);
    write_msr(msr, off);
    for (u32 i = 0; i < 3; i++) post_words(3, GPADL_TEARDOWN, primary_id, 0xAB000 + i);
    // Interrupts of the channel go to the other processor, so this works meanwhile; by its end the host has most likely handled all three.
    check_channel(&primary);
    check("a message while it is off", 0, is_taken(0));
    write_msr(msr, on);
    for (u32 i = 0; i < 3; i++) expect_message("messages are kept", GPADL_TORNDOWN, 0xAB000 + i);
}

static void keep_flag_of(const char *what, u32 msr, u64 off)
{
    volatile u8 *flag = (volatile u8 *)(read_msr(SIEFP) & ~0xFFFull) + FLAGS + primary_id / 8;
    u8 bit = (u8)(1u << primary_id % 8);
    u64 on = read_msr(msr);
    begin(what);
    *flag = 0;
    full_barrier();
    write_msr(msr, off);
    check_channel(&primary);
    check("a flag while it is off", 0, *flag & bit);
    write_msr(msr, on);
    struct limit limit = {0};
    while (!(*flag & bit)) wait(&limit, "the flag that was kept");
    *flag = 0;
}

static void keep_what_is_off(void)
{
    begin_rule("SY-9");
    keep_messages_of("messages while the controller is off", SCONTROL, 0);
    keep_messages_of("messages while the page is off", SIMP, read_msr(SIMP) & ~1ull);
    keep_messages_of("messages while the page is no RAM", SIMP, 64 << 20 | 1);
    post_words(3, MODIFY, primary_id, 0);
    expect_message("MODIFYCHANNEL_RESPONSE", MODIFY_RESPONSE, primary_id);
    keep_flag_of("a flag while the controller is off", SCONTROL, 0);
    keep_flag_of("a flag while the page is off", SIEFP, read_msr(SIEFP) & ~1ull);
    keep_flag_of("a flag while the page is no RAM", SIEFP, 64 << 20 | 1);
    post_words(3, MODIFY, primary_id, 1);
    expect_message("MODIFYCHANNEL_RESPONSE", MODIFY_RESPONSE, primary_id);
    end_rule("messages and a flag through three ways to be off, messages in order");
}

static void keep_what_is_masked(void)
{
    begin_rule("SY-14");
    keep_messages_of("messages while the interrupt is masked", SINT2, SINT_MASKED);
    post_words(3, MODIFY, primary_id, 0);
    expect_message("MODIFYCHANNEL_RESPONSE", MODIFY_RESPONSE, primary_id);
    keep_flag_of("a flag while the interrupt is masked", SINT2, SINT_MASKED);
    // Hundreds of changes, between which messages come and go.
    begin("an interrupt that is masked again and again");
    for (u32 i = 0; i < 300; i++)
    {
        post_words(3, GPADL_TEARDOWN, primary_id, 0xAD000 + i);
        write_msr(SINT2, SINT_MASKED | i % 256);
        write_msr(SINT2, SINT_ON);
        expect_message("a message after the mask", GPADL_TORNDOWN, 0xAD000 + i);
    }

    post_words(3, MODIFY, primary_id, 1);
    expect_message("MODIFYCHANNEL_RESPONSE", MODIFY_RESPONSE, primary_id);
    end_rule("messages and a flag, messages in order; 300 masks, and no message lost");
}

static void start_second(void) { start_synic(1); }

static void post_contact(u32 version, u32 processor, u32 target)
{
    u32 words[10] = {INITIATE_CONTACT, 0, version, processor, target};
    post(words, sizeof(words));
}

// The answer comes to one processor, and nothing to the other.
static void expect_on(u32 processor, u32 number)
{
    await_message("an answer on the processor of the contact", processor);
    check("its number", number, word_of(processor, 0));
    check("a message on the other processor", 0, is_taken(1 - processor));
    free_slot(processor);
}

static void follow_the_contact(void)
{
    begin("messages to another processor");
    begin_rule("SY-7");
    run_on_second(start_second);
    join_second();
    post_contact(VERSION_5_3, 1, 2);
    expect_on(1, VERSION_RESPONSE);
    post_words(3, GPADL_TEARDOWN, primary_id, 0xAC000);
    expect_on(1, GPADL_TORNDOWN);
    post_words(1, UNLOAD);
    expect_on(1, UNLOAD_RESPONSE);
    // The interrupt page of older versions; nobody reads it.
    static u8 interrupts[PAGE] PAGE_ALIGNED;
    post_contact(VERSION_2_4, 1, (u32)(u64)interrupts);
    expect_on(0, VERSION_RESPONSE);
    post_words(1, UNLOAD);
    expect_on(0, UNLOAD_RESPONSE);
    end_rule("5.3 with processor 1: three answers there; 2.4: two on processor 0");
    recover();
}

static void report_crashes(void)
{
    static const u64 values[] = {0, 1, 0x8000000000000000, 64 << 20, 0xFFFFFFFFFFFFFFFF, 0x1000};
    begin("crash registers");
    begin_rule("SY-11");
    for (u32 i = 0; i < COUNT(values); i++)
    {
        for (u32 parameter = 0; parameter < 5; parameter++)
        {
            write_msr(CRASH_P0 + parameter, values[i]);
            check("a parameter reads as it was written", values[i], read_msr(CRASH_P0 + parameter));
        }

        // A write that fails is an exception, for which this guest has no handler. Bit 63 would be a crash, at which the host may end the partition.
        write_msr(CRASH_CONTROL, values[i] & ~(1ull << 63));
        write_msr(CRASH_CONTROL, 1ull << 62);
        check("what the host takes", 3ull << 62, read_msr(CRASH_CONTROL));
    }

    end_rule("42 writes that report no crash, and parameters read as they were written");
    check_storage();
}

void attack_controller(void)
{
    respect_slots();
    check_storage();
    keep_what_is_off();
    check_storage();
    keep_what_is_masked();
    check_storage();
    follow_the_contact();
    report_crashes();
}
