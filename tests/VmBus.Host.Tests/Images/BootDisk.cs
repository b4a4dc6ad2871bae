using System.Diagnostics;
using VmBus.Host.Images;
using VmBus.Host.Tests.House;

namespace VmBus.Host.Tests.Images;

/// <summary>Folders in the place of mounted file systems, read by the loader's own scripts.</summary>
internal sealed class BootDisk : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("vmbus-boot-").FullName;
    private readonly List<string> _table = [];

    /// <summary>What is printed beside entries: changes of GRUB's environment and a refusal, with tabs between the fields.</summary>
    public List<string> Others { get; } = [];

    /// <summary>Adds a partition: <c>sda1</c>, then <c>sda2</c>, and so on.</summary>
    /// <returns>Its name, which is also the folder's.</returns>
    public string Add(string type, string uuid, params (string Path, string Text)[] files)
    {
        string name = $"sda{_table.Count + 1}";
        string mount = Path.Combine(_folder, name);
        Directory.CreateDirectory(mount);
        _table.Add($"{name}\t{mount}\t{type}\t{uuid}\tlabel-{name}\tpart-{name}\t{_table.Count + 1}\t1");
        foreach ((string path, string text) in files)
        {
            string file = Path.Combine(mount, path);
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            File.WriteAllText(file, text);
        }

        return name;
    }

    /// <summary>The folder of a partition.</summary>
    public string FolderOf(string name) => Path.Combine(_folder, name);

    /// <summary>Runs the loader's readers; files are relative to the folder: <c>sda1/vmlinuz</c>.</summary>
    /// <param name="seconds">How long one of them may take.</param>
    public IReadOnlyList<BootEntry> Read(int seconds = 60)
    {
        string table = Path.Combine(_folder, "table");
        File.WriteAllLines(table, _table);
        var start = new ProcessStartInfo("busybox") { RedirectStandardOutput = true, UseShellExecute = false };
        foreach (string argument in new[] { "sh", Path.Combine(SourceTree.Root, "host-service/loader/find-entries"), table, $"{seconds}" }) start.ArgumentList.Add(argument);
        using Process process = Process.Start(start)!;
        string[] lines = process.StandardOutput.ReadToEnd().Replace(_folder + "/", "", StringComparison.Ordinal).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        process.WaitForExit();
        List<BootEntry> entries = [];
        foreach (string line in lines)
        {
            if (BootEntry.Parse(line) is { } entry) entries.Add(entry);
            else Others.Add(line);
        }

        return entries;
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
