using System.Diagnostics;
using VmBus.Bus.Serving;

namespace VmBus.Bus.Tests.Serving;

/// <summary>When answers wait for others, against guests that are simulated with a clock of their own.</summary>
public sealed class AnswerHoldTests
{
    // A packet takes the host 10 units, and a guest that has more to do 15 until it has sent the next.
    private static readonly long Unit = Stopwatch.Frequency / 1_000_000;

    [Fact]
    public void Guest_with_one_request_at_a_time_waits_ever_more_rarely()
    {
        Outcome outcome = Simulate(depth: 1, requests: 10_000);
        Assert.Equal(10_000, outcome.Publications);
        Assert.InRange(outcome.Silences, 1, 60);
    }

    [Theory]
    [InlineData(8, 3)]
    [InlineData(32, 10)]
    [InlineData(256, 20)]
    public void Guest_with_many_requests_gets_many_answers_at_once(int depth, int answersEach)
    {
        Outcome outcome = Simulate(depth, 10_000);
        Assert.InRange(outcome.Publications, 1, 10_000 / answersEach);
        // A silence costs eight packets' time: about one packet's for each interrupt saved.
        Assert.InRange(outcome.Silences, 0, 10_000 / (2 * answersEach));
    }

    [Fact]
    public void At_most_thirty_two_answers_are_held() => Assert.InRange(Simulate(depth: 1000, requests: 10_000).MostHeld, 16, 32);

    [Fact]
    public void Silence_is_over_after_eight_packets_time()
    {
        AnswerHold hold = Warm(10 * Unit, out long now);
        Assert.True(hold.GoesOn(1, 1, now, now += 10 * Unit));
        Assert.True(hold.GoesOn(0, 0, now, now += 60 * Unit));
        Assert.False(hold.GoesOn(0, 0, now, now + (40 * Unit)));
    }

    [Fact]
    public void Silence_after_long_work_is_over_after_half_a_millisecond()
    {
        AnswerHold hold = Warm(10_000 * Unit, out long now);
        Assert.True(hold.GoesOn(1, 1, now, now += 10_000 * Unit));
        Assert.True(hold.GoesOn(0, 0, now, now += 400 * Unit));
        Assert.False(hold.GoesOn(0, 0, now, now + (200 * Unit)));
    }

    [Fact]
    public void Nothing_is_held_where_nothing_was_answered()
    {
        AnswerHold hold = Warm(10 * Unit, out long now);
        Assert.False(hold.GoesOn(5, 0, now, now + Unit));
        Assert.False(hold.GoesOn(0, 0, now, now + Unit));
    }

    // A hold that has seen eight packets in every turn, and so waits for more than one answer.
    private static AnswerHold Warm(long packet, out long now)
    {
        AnswerHold hold = new();
        now = 1;
        for (int i = 0; i < 200; i++)
        {
            _ = hold.GoesOn(8, 8, now, now += 8 * packet);
            hold.Published();
        }

        return hold;
    }

    // A guest keeps up to `depth` requests unanswered and sends each 15 units after the last; of what is published it learns 30 units later.
    private static Outcome Simulate(int depth, int requests)
    {
        AnswerHold hold = new();
        var outcome = new Outcome();
        long now = 0;
        long sendsAt = 0;
        int sent = 0;
        int unanswered = 0;
        int held = 0;
        int answered = 0;
        while (answered < requests)
        {
            long began = now;
            int taken = 0;
            while (sent < requests && unanswered < depth && sendsAt <= now)
            {
                sendsAt = Math.Max(sendsAt, began) + (15 * Unit);
                sent++;
                unanswered++;
                taken++;
                now += 10 * Unit;
            }

            held += taken;
            now += Unit;
            if (hold.GoesOn(taken, taken, began, now)) continue;
            if (held > 0)
            {
                outcome.Publications++;
                outcome.MostHeld = Math.Max(outcome.MostHeld, held);
                if (taken == 0) outcome.Silences++;
                if (unanswered == depth) sendsAt = now + (30 * Unit);
                answered += held;
                unanswered -= held;
                held = 0;
            }

            hold.Published();
            if (unanswered < depth) now = Math.Max(now, sendsAt);
        }

        return outcome;
    }

    private sealed record Outcome
    {
        public int Publications { get; set; }

        public int Silences { get; set; }

        public int MostHeld { get; set; }
    }
}
