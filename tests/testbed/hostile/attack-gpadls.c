#include "attacks.h"

#define FIRST 0x10000u

static u8 shared[4 * PAGE] PAGE_ALIGNED;

struct range { u32 bytes, offset; u64 pages[6]; };

static void refuse(const char *what, u32 range_bytes, u32 range_count, struct range range, u32 bytes)
{
    static u32 next = FIRST;
    check(what, STATUS_INVALID_PARAMETER, create_gpadl(primary_id, next++, range_bytes, range_count, &range, bytes));
}

static void attack_ranges(void)
{
    u64 page = page_of(shared);
    begin("GPADLs that describe nothing");
    refuse("no range", 0, 0, (struct range){0}, 0);
    refuse("no range, but bytes", 16, 0, (struct range){PAGE, 0, {page}}, 16);
    refuse("a range without bytes", 0, 1, (struct range){0}, 0);
    refuse("a range that is empty", 8, 1, (struct range){0}, 8);
    refuse("half a page number", 12, 1, (struct range){PAGE, 0, {page}}, 12);
    refuse("more ranges than fit", 16, 3, (struct range){PAGE, 0, {page}}, 16);
    refuse("as many ranges as can be said", 16, 0xFFFF, (struct range){PAGE, 0, {page}}, 16);
    refuse("a second range that is not there", 16, 2, (struct range){PAGE, 0, {page}}, 16);
    refuse("fewer pages than bytes", 16, 1, (struct range){PAGE + 1, 0, {page}}, 16);
    refuse("one page more because of its offset", 16, 1, (struct range){PAGE, 1, {page}}, 16);
    refuse("an offset behind the page", 24, 1, (struct range){PAGE, PAGE, {page, page}}, 24);
    refuse("the largest count", 56, 1, (struct range){0xFFFFFFFF, 0xFFF, {page}}, 56);
    refuse("the largest offset", 16, 1, (struct range){1, 0xFFFFFFFF, {page}}, 16);

    begin("GPADLs over what is not RAM");
    static const u64 pages[] = {0x4000, 0x4001, 0xC0000, 0xFEC00, 0xFEE00, 0xFFFFF, 0x100000, 1ull << 40, 1ull << 51, 1ull << 52, 1ull << 63,
        0xFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF};
    for (u32 i = 0; i < COUNT(pages); i++)
    {
        refuse("the page", 16, 1, (struct range){PAGE, 0, {pages[i]}}, 16);
        refuse("the last of three pages", 32, 1, (struct range){3 * PAGE, 0, {page, page + 1, pages[i]}}, 32);
    }

    begin("GPADLs of channels that do not exist");
    static const u32 channels[] = {0, 3, 2047, 2048, 0x10001, 0xFFFFFFFF};
    struct range range = {PAGE, 0, {page}};
    for (u32 i = 0; i < COUNT(channels); i++)
    {
        check("status", STATUS_INVALID_PARAMETER, create_gpadl(channels[i], FIRST, 16, 1, &range, 16));
        teardown_gpadl(channels[i], FIRST);
    }
}

static void attack_order(void)
{
    struct range range = {2 * PAGE, 0, {page_of(shared), page_of(shared) + 1}};
    begin("bodies without a header");
    for (u32 i = 0; i < 10; i++)
    {
        struct message body = {{GPADL_BODY, 0, i, i ? FIRST + 0x777 : primary.gpadl, 0xFFFFFFFF}};
        post(&body, 16 + i * 20);
    }

    expect_no_answer("bodies without a header");

    begin("the same GPADL twice");
    check("first", 0, create_gpadl(primary_id, FIRST, 24, 1, &range, 24));
    check("second", STATUS_INVALID_PARAMETER, create_gpadl(primary_id, FIRST, 24, 1, &range, 24));
    check("the rings' own", STATUS_INVALID_PARAMETER, create_gpadl(primary_id, primary.gpadl, 24, 1, &range, 24));
    check("of another channel", 0, create_gpadl(subchannel_id, FIRST, 24, 1, &range, 24));
    teardown_gpadl(primary_id, FIRST);
    teardown_gpadl(primary_id, FIRST);
    teardown_gpadl(subchannel_id, FIRST);

    begin("GPADLs that never end");
    post_gpadl(primary_id, FIRST, 24, 1, &range, 16);
    check("the same again", STATUS_INVALID_PARAMETER, create_gpadl(primary_id, FIRST, 24, 1, &range, 24));
    struct message body = {{GPADL_BODY, 0, 1, FIRST}};
    for (u32 i = 0; i < 10; i++) post(&body, 16);
    expect_no_answer("empty bodies");
    body.words[4] = (u32)page_of(shared) + 1;
    post(&body, 240);
    check("a body with too much", 0, expect_message("GPADL_CREATED", GPADL_CREATED, primary_id).words[4]);
    post(&body, 240);
    expect_no_answer("a body behind the end");
    teardown_gpadl(primary_id, FIRST);
    post_gpadl(primary_id, FIRST, 24, 1, &range, 16);
    teardown_gpadl(primary_id, FIRST);
    post(&body, 24);
    expect_no_answer("a body behind the teardown");
}

static void attack_quota(void)
{
    struct range range = {PAGE, 0, {page_of(shared)}};
    begin("as many unfinished GPADLs as there is room for");
    for (u32 i = 0; i < 64; i++) post_gpadl(primary_id, FIRST + i, 0xFFF8, 1, &range, 16);
    expect_no_answer("headers");
    check("one more", STATUS_INSUFFICIENT_RESOURCES, create_gpadl(primary_id, FIRST + 64, 0xFFF8, 1, &range, 16));
    check("one that is finished", 0, create_gpadl(primary_id, FIRST + 65, 16, 1, &range, 16));
    for (u32 i = 0; i < 66; i++) teardown_gpadl(primary_id, FIRST + i);
    check_storage();

    begin("as many GPADLs as there is room for");
    u32 created = 0;
    while (created < 1000 && create_gpadl(primary_id, FIRST + created, 16, 1, &range, 16) == 0) created++;
    check("with the rings' own", 255, created);
    check("of another channel", 0, create_gpadl(subchannel_id, FIRST, 16, 1, &range, 16));
    check_storage();
    recover();
}

void attack_gpadls(void)
{
    attack_ranges();
    check_storage();
    attack_order();
    check_storage();
    attack_quota();
}
