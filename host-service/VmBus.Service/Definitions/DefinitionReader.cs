using System.Globalization;
using System.Text;
using System.Text.Json;
using VmBus.Network.Links;
using VmBus.Storage.Disks;

namespace VmBus.Service.Definitions;

/// <summary>Reads a definition: JSON that the schema beside this file describes, which is the only place that says what is allowed.</summary>
internal static class DefinitionReader
{
    /// <summary>Most characters of a definition; longer than one with every disk and adapter there may be.</summary>
    public const int MaximumCharacters = 60_000;

    private const int MaximumDepth = 8;
    private const int MaximumNameCharacters = 64;

    /// <summary>The schema.</summary>
    public static JsonElement Schema { get; } = LoadSchema();

    /// <summary>Whether a name can be a partition's: it is that of a file and of a folder.</summary>
    public static bool IsName(string name)
        => name.Length is > 0 and <= MaximumNameCharacters && char.IsAsciiLetterOrDigit(name[0]) && name.All(static c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_');

    /// <summary>Reads a definition.</summary>
    /// <param name="name">The partition's name.</param>
    /// <param name="text">The definition.</param>
    /// <exception cref="DefinitionException">It is none.</exception>
    public static PartitionDefinition Read(string name, string text)
    {
        if (!IsName(name))
            throw new DefinitionException([$"'{name}' cannot be a partition's name: take 1 to {MaximumNameCharacters} of a to z, A to Z, 0 to 9, '.', '-' and '_', with a letter or digit first"]);
        if (text.Length > MaximumCharacters)
            throw new DefinitionException([string.Create(CultureInfo.InvariantCulture, $"it has {text.Length} characters, and may have {MaximumCharacters}")]);
        try
        {
            CheckEscapes(text);
            using var document = JsonDocument.Parse(text, new JsonDocumentOptions { AllowDuplicateProperties = false, MaxDepth = MaximumDepth });
            List<string> problems = [];
            SchemaValidator.Check(document.RootElement, Schema, "", problems);
            return problems.Count == 0 ? Make(name, text, document.RootElement) : throw new DefinitionException(problems);
        }
        catch (JsonException exception)
        {
            string place = exception.LineNumber is { } line
                ? string.Create(CultureInfo.InvariantCulture, $"line {line + 1}, byte {exception.BytePositionInLine + 1}: ")
                : "";
            // The sentence that says what is wrong; those after it are for programmers, or say the place again.
            int end = exception.Message.IndexOf(". ", StringComparison.Ordinal);
            string problem = (end < 0 ? exception.Message.TrimEnd('.') : exception.Message[..end]).Replace(" which is not supported in this mode", "", StringComparison.Ordinal);
            throw new DefinitionException([$"{place}it is no JSON: {problem}"]);
        }
    }

    // An escape may stand for half a character, which no text can hold: whoever asks for the text would get an exception.
    private static void CheckEscapes(string text)
    {
        if (!text.Contains("\\u", StringComparison.Ordinal)) return;
        var reader = new Utf8JsonReader(Encoding.UTF8.GetBytes(text), new JsonReaderOptions { MaxDepth = MaximumDepth });
        while (reader.Read())
        {
            if (!reader.ValueIsEscaped) continue;
            try
            {
                _ = reader.GetString();
            }
            catch (InvalidOperationException)
            {
                throw new DefinitionException(["a text has an escape from \\ud800 to \\udfff in it, which is half a character"]);
            }
        }
    }

    private static PartitionDefinition Make(string name, string text, JsonElement root)
    {
        List<string> problems = [];
        string memory = root.Text("memory") ?? "1G";
        if (root.Text("maxMemory") is { } most) memory += $",max={most}";
        int stopSeconds = root.Number("stopTimeout") ?? PartitionDefinition.DefaultStopSeconds;
        List<string> options = ["--name", name, "--memory", memory, "--stop-timeout", stopSeconds.ToString(CultureInfo.InvariantCulture), "--console", root.Text("console") ?? "none"];
        foreach ((string key, string option) in new[]
        {
            ("kernel", "--kernel"), ("initrd", "--initrd"), ("append", "--append"), ("bootEntry", "--boot-entry"), ("userData", "--user-data"), ("metaData", "--meta-data"),
            ("capture", "--capture"), ("vsock", "--vsock"), ("vmbusVersion", "--vmbus-version"), ("sandbox", "--sandbox"), ("log", "--log"),
        })
        {
            // One word, so that a value that begins with a dash is no option.
            if (root.Text(key) is { } value) options.Add($"{option}={value}");
        }

        foreach ((string key, string option) in new[] { ("cpus", "--cpus"), ("poll", "--poll") })
        {
            if (root.Number(key) is { } value) options.AddRange([option, value.ToString(CultureInfo.InvariantCulture)]);
        }

        foreach ((string key, string option) in new[] { ("exec", "--exec"), ("echo", "--echo"), ("monitor", "--monitor"), ("noReboot", "--no-reboot") })
        {
            if (root.Flag(key)) options.Add(option);
        }

        if (root.TryGetProperty("integration", out JsonElement services))
            options.AddRange(["--integration", services.GetArrayLength() == 0 ? "none" : string.Join(',', services.EnumerateArray().Select(static service => service.GetString()))]);
        AddDisks(root, options, problems);
        AddNics(root, options, problems);
        if (problems.Count > 0) throw new DefinitionException(problems);
        return new PartitionDefinition(name, text)
        {
            Options = options,
            Processors = root.Number("cpus") ?? 1,
            Memory = memory,
            StopTimeout = TimeSpan.FromSeconds(stopSeconds),
            StartsPasst = root.Items("nics").Any(static nic => nic.Item.Flag("user")),
            Restart = root.Text("restart") switch
            {
                "on-crash" => RestartPolicy.OnCrash,
                "always" => RestartPolicy.Always,
                _ => RestartPolicy.Never,
            },
            Autostart = root.Flag("autostart"),
        };
    }

    private static void AddDisks(JsonElement root, List<string> options, List<string> problems)
    {
        foreach ((int index, JsonElement disk) in root.Items("disks"))
        {
            string text = (disk.Text("path") ?? $"vhost-user={disk.Text("vhostUser")}").Replace(",", ",,", StringComparison.Ordinal);
            foreach (string key in new[] { "format", "cache", "bus", "id" })
            {
                if (disk.Text(key) is { } value) text += $",{key}={value}";
            }

            if (disk.Flag("readOnly")) text += ",readonly";
            if (disk.Number("sector") is { } sector) text += string.Create(CultureInfo.InvariantCulture, $",sector={sector}");
            if (disk.Number("reconnect") is { } reconnect) text += string.Create(CultureInfo.InvariantCulture, $",reconnect={reconnect}");
            Try(problems, "disks", index, () => DiskOptions.Parse(text, static (key, _) => key == "bus"));
            options.AddRange(["--disk", text]);
        }
    }

    private static void AddNics(JsonElement root, List<string> options, List<string> problems)
    {
        foreach ((int index, JsonElement nic) in root.Items("nics"))
        {
            string text = nic.Text("tap") is { } tap ? $"tap={tap}"
                : nic.Text("bridge") is { } bridge ? $"bridge={bridge}"
                : nic.Text("vhostUser") is { } socket ? $"vhost-user={socket}" : "user";
            foreach (string key in new[] { "mac", "bus", "id" })
            {
                if (nic.Text(key) is { } value) text += $",{key}={value}";
            }

            if (nic.Number("queues") is { } queues) text += string.Create(CultureInfo.InvariantCulture, $",queues={queues}");
            Try(problems, "nics", index, () => NicOptions.Parse(text));
            options.AddRange(["--nic", text]);
        }
    }

    // What the options themselves refuse, beyond the schema.
    private static void Try(List<string> problems, string list, int index, Func<object> parse)
    {
        try
        {
            _ = parse();
        }
        catch (Exception exception) when (exception is DiskException or LinkException)
        {
            problems.Add(string.Create(CultureInfo.InvariantCulture, $"{list}[{index}]: {exception.Message.TrimEnd('.')}"));
        }
    }

    private static string? Text(this JsonElement value, string key) => value.TryGetProperty(key, out JsonElement member) ? member.GetString() : null;

    private static int? Number(this JsonElement value, string key) => value.TryGetProperty(key, out JsonElement member) ? member.GetInt32() : null;

    private static bool Flag(this JsonElement value, string key) => value.TryGetProperty(key, out JsonElement member) && member.GetBoolean();

    private static IEnumerable<(int Index, JsonElement Item)> Items(this JsonElement value, string key)
        => value.TryGetProperty(key, out JsonElement list) ? list.EnumerateArray().Select(static (item, index) => (index, item)) : [];

    private static JsonElement LoadSchema()
    {
        using Stream stream = typeof(DefinitionReader).Assembly.GetManifestResourceStream("partition.schema.json")!;
        using var document = JsonDocument.Parse(stream);
        return document.RootElement.Clone();
    }
}
