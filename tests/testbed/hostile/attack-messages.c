#include "attacks.h"

static void attack_numbers(void)
{
    begin("messages that only a host sends");
    static const u32 host[] = {OFFER, RESCIND, OFFERS_DELIVERED, OPEN_RESULT, GPADL_CREATED, GPADL_TORNDOWN, VERSION_RESPONSE,
        UNLOAD_RESPONSE, CLOSE_RESERVED_RESPONSE, TL_CONNECT_RESULT, MODIFY_RESPONSE, 26, 28};
    for (u32 i = 0; i < COUNT(host); i++)
    {
        struct message message = {{host[i], 0, primary_id, primary_id}};
        post(&message, sizeof(message));
        post(&message, 8);
    }

    expect_no_answer("host-only messages");

    begin("unknown messages");
    static const u32 unknown[] = {0, 25, 27, 29, 30, 31, 64, 255, 256, 65536 + GPADL_TEARDOWN, 0x80000000, 0xFFFFFFFF};
    for (u32 i = 0; i < COUNT(unknown); i++)
    {
        struct message message = {{unknown[i], 0, primary_id, primary_id}};
        post(&message, sizeof(message));
        post(&message, 8);
    }

    expect_no_answer("unknown messages");
}

static void attack_lengths(void)
{
    static const struct { u32 number, bytes; } requests[] = {{OPEN, 148}, {CLOSE, 12}, {GPADL_HEADER, 20}, {GPADL_BODY, 16}, {GPADL_TEARDOWN, 16},
        {RELID_RELEASED, 12}, {INITIATE_CONTACT, 40}, {OPEN_RESERVED, 28}, {CLOSE_RESERVED, 20}, {TL_CONNECT, 40}, {MODIFY, 16}};
    begin("short messages");
    for (u32 i = 0; i < COUNT(requests); i++)
    {
        struct message message = {{requests[i].number, 0, primary_id, primary.gpadl, 0, 0, 0}};
        for (u32 bytes = 8; bytes < requests[i].bytes; bytes += bytes < 16 ? 1 : 7) post(&message, bytes);
        post(&message, requests[i].bytes - 1);
        expect_no_answer("short messages");
    }

    begin("long messages");
    struct message message = {{MODIFY, 0, primary_id, 1}};
    for (u32 i = 4; i < COUNT(message.words); i++) message.words[i] = 0xFFFFFFFF;
    post(&message, sizeof(message));
    check("status", 0, expect_message("MODIFYCHANNEL_RESPONSE", MODIFY_RESPONSE, primary_id).words[3]);
    message.words[0] = REQUEST_OFFERS;
    post(&message, sizeof(message));
    expect_no_answer("a second REQUEST_OFFERS");
}

static void attack_contacts(void)
{
    begin("contacts that cannot be");
    static const u32 versions[] = {0, 0xD, 0x10001, 0x20003, 0x30001, 0x50004, 0x60000, 0x70000, 0xFFFFFFFF};
    for (u32 i = 0; i < COUNT(versions); i++) check("an unknown version", 0, initiate_contact(versions[i], 0, 2, 0, 0));
    check("another interrupt", 0, initiate_contact(VERSION_5_3, 0, 3, 0, 0));
    check("trust", 0, initiate_contact(VERSION_5_3, 0, 0x102, 0, 0));
    check("one monitor page", 0x200, initiate_contact(VERSION_5_3, 0, 2, 0x100000, 0) & 0xFFFF);

    begin("requests without a connection");
    for (u32 number = 0; number < 40; number++)
    {
        struct message message = {{number, 0, primary_id, primary.gpadl}};
        if (number != INITIATE_CONTACT && number != UNLOAD) post(&message, sizeof(message));
    }

    post_words(1, UNLOAD);
    expect_message("the only answer is UNLOAD_RESPONSE", UNLOAD_RESPONSE, 0);
    recover();

    begin("contacts that are odd");
    check("a processor that does not exist", 1, initiate_contact(VERSION_5_3, 77, 2, 0, 0) & 0xFF);
    check("monitor pages that are not RAM", 1, initiate_contact(VERSION_5_3, 0xFFFFFFFF, 2, ~0ull, 0xFEE00000) & 0xFF);
    for (u32 i = 0; i < 50; i++) check("again", 1, initiate_contact(VERSION_5_3, 0, 2, 0, 0) & 0xFF);
    recover();

    begin("contacts without waiting");
    struct message contact = {{INITIATE_CONTACT, 0, VERSION_5_3, 0, 2}};
    for (u32 i = 0; i < 200; i++) post(&contact, 40);
    post_words(1, UNLOAD);
    struct message message = next_message("UNLOAD_RESPONSE");
    while (message.words[0] == VERSION_RESPONSE) message = next_message("UNLOAD_RESPONSE");
    check("the last answer", UNLOAD_RESPONSE, message.words[0]);
    recover();
}

void attack_messages(void)
{
    attack_numbers();
    check_storage();
    attack_lengths();
    check_storage();
    attack_contacts();

    begin("sockets that nobody serves");
    for (u32 i = 0; i < 20; i++)
    {
        struct message message = {{TL_CONNECT, 0, 0x1000 + i, primary_id}};
        post(&message, i % 2 ? 40 : 240);
        check("status", STATUS_CONNECTION_REFUSED, expect_message("TL_CONNECT_RESULT", TL_CONNECT_RESULT, 0x1000 + i).words[10]);
    }

    check_storage();
}
