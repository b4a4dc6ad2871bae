using System.Globalization;
using VmBus.Litmus;

// Exit status: 0 pass, 1 something was missed, 2 inconclusive.
int passes = 20_000;
if (args is ["--passes", var count])
{
    if (!int.TryParse(count, NumberStyles.None, CultureInfo.InvariantCulture, out passes) || passes == 0) return Usage();
}
else if (args.Length != 0)
{
    return Usage();
}

return (int)LitmusRun.Run(passes, Console.Out);

static int Usage()
{
    Console.Error.WriteLine($"usage: VmBus.Litmus [--passes N]    races on {LitmusRun.Slots} slots in each pass");
    return 64;
}
