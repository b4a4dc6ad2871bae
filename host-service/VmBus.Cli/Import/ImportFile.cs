using System.Globalization;
using System.Xml;
using System.Xml.Linq;
using VmBus.Protocol.Text;

namespace VmBus.Cli.Import;

/// <summary>Reads a file of another hypervisor, whichever it is. What is in it is not trusted: no document type, no entities, no other files, a bounded size.</summary>
internal static class ImportFile
{
    /// <summary>Most bytes of a file; far more than any such has.</summary>
    public const int MaximumBytes = 1 << 20;

    // Far more than any such file has: what is deeper is not looked at.
    private const int MaximumDepth = 64;

    /// <summary>Reads one.</summary>
    /// <param name="path">The file; <c>-</c> for standard input.</param>
    /// <param name="disks">Where a Hyper-V export's images are; null for where an export has them.</param>
    /// <exception cref="IOException">It cannot be read.</exception>
    /// <exception cref="ImportException">It is no file that is known.</exception>
    public static ImportedPartition Read(string path, string? disks) => Read(path, ReadBounded(path), disks);

    /// <summary>Reads the bytes of one.</summary>
    /// <param name="path">What the file is called.</param>
    /// <param name="bytes">What is in it.</param>
    /// <param name="disks">See <see cref="Read(string, string)"/>.</param>
    /// <exception cref="ImportException">It is no file that is known.</exception>
    internal static ImportedPartition Read(string path, byte[] bytes, string? disks)
    {
        if (Path.GetExtension(path).ToUpperInvariant() is ".VMCX" or ".VMRS")
        {
            throw new ImportException(
                $"'{path}' is a binary configuration, which Hyper-V alone reads: there, 'Get-VM' tells processors and memory and 'Get-VMHardDiskDrive' the VHDX files; name them in a definition (\"cpus\", \"memory\", \"disks\": [{{\"path\": \"/….vhdx\"}}]) and give that to 'vmbus define'.");
        }

        XElement root = Parse(path, bytes);
        return root.Name.LocalName switch
        {
            "domain" => LibvirtDomain.Read(root),
            "configuration" => HyperVConfiguration.Read(root, disks ?? FolderOfDisks(path)),
            _ => throw new ImportException(
                $"'{path}' is neither a libvirt domain (<domain>, 'virsh dumpxml NAME') nor the XML configuration of a Hyper-V export (<configuration>): its root is <{Shown(root.Name.LocalName)}>."),
        };
    }

    private static XElement Parse(string path, byte[] bytes)
    {
        var settings = new XmlReaderSettings
        {
            DtdProcessing = DtdProcessing.Prohibit,
            XmlResolver = null,
            MaxCharactersInDocument = MaximumBytes,
            IgnoreComments = true,
            IgnoreProcessingInstructions = true,
        };
        try
        {
            using var reader = XmlReader.Create(new MemoryStream(bytes), settings);
            return Load(reader);
        }
        catch (XmlException exception)
        {
            string problem = exception.Message.Contains("DTD", StringComparison.Ordinal) ? "it has a document type, which is not read: remove <!DOCTYPE …>" : $"it is no XML: {PeerText.Escape(exception.Message.TrimEnd('.'))}";
            throw new ImportException($"'{path}': {problem}.", exception);
        }
    }

    // The text of an element is gathered by recursion, for which a stack is too small when a file wants it to be, and a whole tree of elements within
    // each other takes time with the square of their number: what is too deep is passed over while it is read.
    private static XElement Load(XmlReader reader)
    {
        var document = new XDocument();
        using (XmlWriter writer = document.CreateWriter())
        {
            while (reader.Read())
            {
                if (reader.Depth > MaximumDepth) continue;
                switch (reader.NodeType)
                {
                    case XmlNodeType.Element:
                        bool isEmpty = reader.IsEmptyElement;
                        writer.WriteStartElement(reader.Prefix, reader.LocalName, reader.NamespaceURI);
                        writer.WriteAttributes(reader, defattr: false);
                        if (isEmpty) writer.WriteEndElement();
                        break;
                    case XmlNodeType.EndElement:
                        writer.WriteEndElement();
                        break;
                    case XmlNodeType.Text or XmlNodeType.CDATA or XmlNodeType.SignificantWhitespace:
                        writer.WriteString(reader.Value);
                        break;
                }
            }
        }

        return document.Root!;
    }

    private static byte[] ReadBounded(string path)
    {
        using Stream file = path == "-" ? Console.OpenStandardInput() : File.OpenRead(path);
        using var bytes = new MemoryStream();
        byte[] buffer = new byte[64 << 10];
        while (file.Read(buffer) is > 0 and var count)
        {
            bytes.Write(buffer.AsSpan(0, count));
            if (bytes.Length > MaximumBytes)
                throw new ImportException(string.Create(CultureInfo.InvariantCulture, $"'{path}' is longer than {MaximumBytes} bytes: it is no domain and no configuration of a partition."));
        }

        return bytes.ToArray();
    }

    // An export is a folder with "Virtual Machines" and "Virtual Hard Disks" in it.
    private static string FolderOfDisks(string path)
    {
        string here = path == "-" ? Environment.CurrentDirectory : Path.GetDirectoryName(Path.GetFullPath(path))!;
        string beside = Path.Combine(Path.GetDirectoryName(here) ?? "/", "Virtual Hard Disks");
        return Directory.Exists(beside) ? beside : here;
    }

    private static string Shown(string text) => PeerText.Escape(text, 40);
}
