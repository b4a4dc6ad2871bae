// A guest that attacks its host over the VMBus. `attack=NAME` on the command line chooses what it does; the serial console tells what
// came of it.
#include "attacks.h"

extern u32 start_info[2];

static const struct { const char *name; void (*run)(void); } attacks[] = {
    {"hypercalls", attack_hypercalls}, {"messages", attack_messages}, {"channels", attack_channels}, {"gpadls", attack_gpadls},
    {"rings", attack_rings}, {"packets", attack_packets}, {"requests", attack_requests}, {"floods", attack_floods},
    {"pages", attack_pages}, {"races", attack_races}, {"endings", attack_endings},
    {"services", attack_services}, {"controller", attack_controller},
};

// The text after `attack=` is `name` up to a space or the end.
static bool chosen(const char *line, const char *name)
{
    static const char option[] = "attack=";
    for (; *line; line++)
    {
        if (memcmp(line, option, sizeof(option) - 1) != 0) continue;
        line += sizeof(option) - 1;
        while (*name && *line == *name) line++, name++;
        return !*name && (!*line || *line == ' ');
    }

    return false;
}

void main(void)
{
    const char *line = (const char *)(u64)*(const u64 *)((u64)start_info[0] + 24);
    start_synic(0);
    begin("nothing yet");
    // What the host makes once and keeps, for each of its lanes or for its log, belongs to the first sample.
    for (u32 i = 0; i < 4; i++) recover();
    expect_no_answer("a refusal, which opens the log");
    expect_no_answer("another, so that the first is in the log");
    for (u32 i = 0; i < COUNT(attacks); i++)
    {
        if (!chosen(line, attacks[i].name)) continue;
        sample();
        attacks[i].run();
        begin("none any more");
        recover();
        sample();
        finish();
    }

    fatal("no attack is chosen on the command line", 0);
}
