using System.Globalization;
using VmBus.Cli.Options;

namespace VmBus.Cli.Text;

/// <summary>One line of a terminal that shows how far something is, and goes with its end. One thread.</summary>
/// <param name="output">The terminal.</param>
/// <param name="what">What it is.</param>
internal sealed class ProgressLine(TextWriter output, string what)
{
    private const int Places = 30;
    private const string Erase = "\r\u001b[K";
    private bool _isShown;

    /// <summary>Shows it.</summary>
    /// <param name="done">How much is done.</param>
    /// <param name="all">How much there is to do.</param>
    public void Show(long done, long all)
    {
        double share = all > 0 ? Math.Clamp((double)done / all, 0, 1) : 0;
        int full = (int)(share * Places);
        output.Write(string.Create(
            CultureInfo.InvariantCulture, $"{Erase}{what}  [{new string('#', full)}{new string(' ', Places - full)}] {share * 100:0} %  {SizeParser.Format(done)} of {SizeParser.Format(all)}"));
        output.Flush();
        _isShown = true;
    }

    /// <summary>Takes it away.</summary>
    public void End()
    {
        if (!_isShown) return;
        output.Write(Erase);
        output.Flush();
    }
}
