using System.Text.Json;
using System.Text.Json.Nodes;

namespace VmBus.Service.Definitions;

/// <summary>The folder of definition files, NAME.json each.</summary>
/// <param name="path">Where it is.</param>
internal sealed class DefinitionFolder(string path)
{
    /// <summary>What the names of definition files end with.</summary>
    public const string Extension = ".json";

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Where it is.</summary>
    public string Path { get; } = path;

    /// <summary>Makes the folder where there is none.</summary>
    /// <exception cref="IOException">It cannot be made.</exception>
    public void Create() => Directory.CreateDirectory(Path);

    /// <summary>Reads every file.</summary>
    /// <returns>By name: a definition, or what is wrong with the file.</returns>
    /// <exception cref="IOException">The folder cannot be read.</exception>
    public IReadOnlyDictionary<string, (PartitionDefinition? Definition, string? Problem)> ReadAll()
    {
        var all = new SortedDictionary<string, (PartitionDefinition?, string?)>(StringComparer.Ordinal);
        foreach (string file in Directory.EnumerateFiles(Path, "*" + Extension))
        {
            string name = System.IO.Path.GetFileNameWithoutExtension(file);
            if (name.StartsWith('.')) continue;
            try
            {
                // More than a definition may have is not read into memory.
                if (new FileInfo(file).Length > 4 * DefinitionReader.MaximumCharacters) throw new DefinitionException(["it is too long for a definition"]);
                all[name] = (DefinitionReader.Read(name, File.ReadAllText(file)), null);
            }
            catch (FileNotFoundException)
            {
                // It was there a moment ago.
            }
            catch (Exception exception) when (exception is DefinitionException or IOException or UnauthorizedAccessException)
            {
                all[name] = (null, $"{file}: {exception.Message}");
            }
        }

        return all;
    }

    /// <summary>Writes a definition: whole, or not at all.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    public void Write(PartitionDefinition definition) => WholeFile.Write(FileOf(definition.Name), definition.Text);

    /// <summary>Removes a definition.</summary>
    /// <exception cref="IOException">It cannot be removed.</exception>
    public void Remove(string name) => File.Delete(FileOf(name));

    /// <summary>A definition that differs in <c>autostart</c> alone.</summary>
    public static PartitionDefinition WithAutostart(PartitionDefinition definition, bool enabled)
    {
        JsonObject root = JsonNode.Parse(definition.Text)!.AsObject();
        root["autostart"] = enabled;
        return DefinitionReader.Read(definition.Name, root.ToJsonString(Indented) + "\n");
    }

    private string FileOf(string name) => System.IO.Path.Combine(Path, name + Extension);
}
