using VmBus.Conformance.Running;

namespace VmBus.Conformance.Inside;

/// <summary>A channel that is opened, closed and opened again, as the guest's kernel has seen it. Source: protocol-spec/channel.md.</summary>
internal static class LifeChecks
{
    private const string Described = "vmbus_establish_gpadl_header";
    private const string Created = "vmbus_ongpadl_created";
    private const string Opened = "vmbus_open";
    private const string OpenResult = "vmbus_onopen_result";
    private const string TornDown = "vmbus_ongpadl_torndown";

    public static IEnumerable<InsideCheck> All =>
    [
        new("CH-21", static bench => TakesGpadls(bench.Life())),
        new("CH-22", static bench => TakesLongGpadls(bench.Life())),
        new("CH-28", static bench => TearsDown(bench.Life())),
        new("CH-31", static bench => AnswersOpens(bench.Life())),
        new("CH-36", static bench => OpensAgain(bench.Life())),
    ];

    internal static string TakesGpadls(IReadOnlyList<KernelEvent> life)
    {
        KernelEvent[] described = Some(life, Described);
        foreach (KernelEvent gpadl in described)
        {
            KernelEvent answer = Answer(life, gpadl);
            Bench.Must(answer["child_relid"] == gpadl["child_relid"], $"GPADL {gpadl["gpadl"]:x} was answered for channel {answer["child_relid"]}.");
            Bench.Must(answer["creation_status"] == 0, $"GPADL {gpadl["gpadl"]:x} was answered with {answer["creation_status"]:x}.");
        }

        return $"{described.Length} described, {described.Length} answers of 0";
    }

    internal static string TakesLongGpadls(IReadOnlyList<KernelEvent> life)
    {
        int bodies = 0;
        long[] ids = [.. life.Where(static happened => happened.Name == "vmbus_establish_gpadl_body").Select(static happened => happened["gpadl"] ?? 0).Distinct()];
        if (ids.Length == 0) throw new NotCoveredException("The kernel described nothing that takes several messages.");
        foreach (long id in ids)
        {
            // Linux writes an event when the post has returned, so the answer may be there before that of the last body, not before others'.
            int last = 0, beforeLast = 0;
            for (int i = 0; i < life.Count; i++)
            {
                if (life[i].Name != "vmbus_establish_gpadl_body" || life[i]["gpadl"] != id) continue;
                (beforeLast, last) = (last, i);
                bodies++;
            }

            int answer = Enumerable.Range(0, life.Count).Single(i => life[i] == Answer(life, new KernelEvent(Described, new Dictionary<string, long> { ["gpadl"] = id })));
            Bench.Must(answer > beforeLast, $"GPADL {id:x} was answered before all of it had come.");
        }

        return $"{ids.Length} in several messages with {bodies} bodies, each answered once after its last";
    }

    internal static string TearsDown(IReadOnlyList<KernelEvent> life)
    {
        KernelEvent[] asked = Some(life, "vmbus_teardown_gpadl");
        foreach (KernelEvent gpadl in asked)
        {
            int answers = life.Count(happened => happened.Name == TornDown && happened["gpadl"] == gpadl["gpadl"]);
            Bench.Must(answers == 1, $"The teardown of GPADL {gpadl["gpadl"]:x} was answered {answers} times.");
        }

        return $"{asked.Length} torn down, each answered once; Linux uses no id again";
    }

    internal static string AnswersOpens(IReadOnlyList<KernelEvent> life)
    {
        KernelEvent[] opened = Some(life, Opened);
        KernelEvent[] results = Some(life, OpenResult);
        Bench.Must(results.Length == opened.Length, $"{opened.Length} opens had {results.Length} answers.");
        foreach ((KernelEvent open, KernelEvent result) in opened.Zip(results))
        {
            bool isIts = result["child_relid"] == open["child_relid"] && result["openid"] == open["openid"];
            Bench.Must(isIts, $"The open {open["openid"]} of channel {open["child_relid"]} was answered as {result["openid"]} of {result["child_relid"]}.");
        }

        return $"{opened.Length} opens, {results.Length} answers with their ids";
    }

    internal static string OpensAgain(IReadOnlyList<KernelEvent> life)
    {
        KernelEvent[] results = Some(life, OpenResult);
        Bench.Must(results.Length > 1, "The second open was not answered.");
        Bench.Must(results.All(static result => result["status"] == 0), $"The opens were answered with {string.Join(", ", results.Select(static result => $"{result["status"]:x}"))}.");
        Bench.Must(life.All(static happened => happened.Name is not ("vmbus_onoffer" or "vmbus_onoffer_rescind")), "The channel was offered again, or rescinded.");
        return $"opened {results.Length} times, without a new offer";
    }

    private static KernelEvent[] Some(IReadOnlyList<KernelEvent> life, string name)
    {
        KernelEvent[] found = [.. life.Where(happened => happened.Name == name)];
        return found.Length > 0 ? found : throw new NotCoveredException($"The kernel's trace has no event {name}.");
    }

    private static KernelEvent Answer(IReadOnlyList<KernelEvent> life, KernelEvent described)
    {
        KernelEvent[] answers = [.. life.Where(happened => happened.Name == Created && happened["gpadl"] == described["gpadl"])];
        Bench.Must(answers.Length == 1, $"GPADL {described["gpadl"]:x} was answered {answers.Length} times.");
        return answers[0];
    }
}
