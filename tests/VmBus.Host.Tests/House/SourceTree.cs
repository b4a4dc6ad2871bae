namespace VmBus.Host.Tests.House;

/// <summary>The checkout that these tests were built from.</summary>
internal static class SourceTree
{
    /// <summary>The folder that holds VmBus.sln.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>Every source file of the project with its path relative to the root, slashes forward.</summary>
    public static IEnumerable<(string Path, string Text)> SourceFiles(string pattern)
    {
        foreach (string folder in new[] { "src", "tests", "host-service", "guest-tools" })
        {
            string start = Path.Combine(Root, folder);
            if (!Directory.Exists(start)) continue;
            foreach (string file in Directory.EnumerateFiles(start, pattern, SearchOption.AllDirectories))
            {
                string path = Path.GetRelativePath(Root, file);
                if (path.Split('/').Any(part => part is "bin" or "obj")) continue;
                yield return (path, File.ReadAllText(file));
            }
        }
    }

    private static string FindRoot()
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "VmBus.sln"))) folder = Path.GetDirectoryName(folder);
        return folder ?? throw new InvalidOperationException("The tests must run inside the checkout.");
    }
}
