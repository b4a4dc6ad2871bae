using VmBus.Network.Links;

namespace VmBus.Cli.Options;

/// <summary>Reads what <c>--nic</c> and the monitor's <c>nic add</c> take.</summary>
internal static class NicOption
{
    /// <summary>Checks an adapter that another process may open.</summary>
    /// <exception cref="LinkException">An option is unknown or has a bad value.</exception>
    public static string Checked(string text)
    {
        _ = NicOptions.Parse(text);
        return text;
    }
}
