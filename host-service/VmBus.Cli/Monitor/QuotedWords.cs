using System.Text;
using VmBus.Cli.Options;

namespace VmBus.Cli.Monitor;

/// <summary>Splits a line into words; a word in double quotes may have spaces, and a doubled quote in it stands for one.</summary>
internal static class QuotedWords
{
    /// <summary>The words.</summary>
    /// <exception cref="UsageException">A quote is not closed.</exception>
    public static string[] Split(string line)
    {
        List<string> words = [];
        var word = new StringBuilder();
        bool isQuoted = false;
        bool hasWord = false;
        for (int i = 0; i < line.Length; i++)
        {
            if (line[i] == '"')
            {
                if (isQuoted && i + 1 < line.Length && line[i + 1] == '"') word.Append(line[i++]);
                else isQuoted = !isQuoted;
                hasWord = true;
            }
            else if (isQuoted || !char.IsWhiteSpace(line[i]))
            {
                word.Append(line[i]);
                hasWord = true;
            }
            else if (hasWord)
            {
                words.Add(word.ToString());
                word.Clear();
                hasWord = false;
            }
        }

        if (isQuoted) throw new UsageException("a quote is not closed: put another \" at the end of the word.");
        if (hasWord) words.Add(word.ToString());
        return [.. words];
    }
}
