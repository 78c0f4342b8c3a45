using System.Globalization;
using System.Text.Json;
using Evenkeel.Cli.Terminal;
using Evenkeel.Examination;
using Evenkeel.Onnx;
using Evenkeel.Workbench.Files;

namespace Evenkeel.Cli.Commands;

/// <summary>What <c>evenkeel inspect FILE</c> prints of a file of tensors.</summary>
internal static class InspectFile
{
    /// <summary>So many texts of a file are shown, each with so many characters at most; --json has all.</summary>
    private const int MostTexts = 12, MostCharacters = 60;

    private static readonly JsonSerializerOptions s_indented = new() { WriteIndented = true };

    public static void Print(TextWriter output, FileContent file, bool json)
    {
        if (json)
        {
            output.WriteLine(file.ToJson().ToJsonString(s_indented));
            return;
        }

        Ink ink = Ink.ForOutput();
        string types = string.Join(", ", file.Types.Select(static type => $"{type.Count} {type.Type}"));
        output.WriteLine($"{Path.GetFileName(file.Path)} ({file.FormatName}): "
            + $"{file.Archive.Names.Count:N0} tensors, {file.Count:N0} numbers, {DownloadDisplay.Size(file.Bytes)}"
            + (types.Length == 0 ? "" : $" ({types})"));
        if (file.Onnx is { } onnx) PrintGraph(output, onnx, ink);
        PrintTexts(output, file, ink);
        PrintLayers(output, file, ink);
        PrintNorms(output, file, ink);
    }

    private static void PrintGraph(TextWriter output, OnnxFile file, Ink ink)
    {
        OnnxModel model = file.Model;
        output.WriteLine($"IR version {model.IrVersion}, opset {model.Opset}"
            + (model.Producer.Length == 0 ? "" : $", written by {Shown(model.Producer)}"));
        output.WriteLine();
        TextTable values = new TextTable("", "name", "type", "shape").Wrap(1, 3);
        foreach (OnnxValueInfo input in model.Inputs) Add("input", input);
        foreach (OnnxValueInfo result in model.Outputs) Add("output", result);
        Print(output, values, ink);
        output.WriteLine();
        output.WriteLine("Operators");
        string operators = string.Join(", ", model.Operators.Select(static pair => $"{pair.Key} {pair.Value}"));
        foreach (string line in TextTable.WrapText(Shown(operators), ink.Width - 2)) output.WriteLine($"  {line}");
        if (file.Damage is { } damage)
        {
            output.WriteLine();
            output.WriteLine(Shown(damage));
        }

        if (file.Problems.Count > 0)
        {
            output.WriteLine();
            output.WriteLine("Cannot become a part of a network");
            TextTable problems = new TextTable("operator", "nodes", "the first", "why").Right(1).Wrap(2, 3);
            foreach ((string op, int count, string first, string reason) in OnnxFile.KindsOf(file.Problems))
            {
                problems.Add(
                    Shown(op), count.ToString("N0", CultureInfo.InvariantCulture), Shown(first), Shown(reason));
            }

            Print(output, problems, ink);
        }

        void Add(string what, OnnxValueInfo value) => values.Add(what, Shown(value.Name),
            value.Type.Length == 0 ? "no tensor" : value.Type,
            value.Shape is { } shape ? Shown($"[{string.Join(", ", shape)}]") : "any");
    }

    private static void PrintTexts(TextWriter output, FileContent file, Ink ink)
    {
        KeyValuePair<string, string>[] texts = [.. FileContent.TextsOf(file.Archive)];
        if (texts.Length == 0) return;
        output.WriteLine();
        output.WriteLine("Numbers and texts beside the tensors");
        TextTable table = new TextTable("", "").Wrap(1);
        foreach ((string key, string text) in texts.Take(MostTexts))
            table.Add(Shown(key), Shown(text.Length <= MostCharacters ? text : text[..(MostCharacters - 3)] + "..."));
        if (texts.Length > MostTexts) table.Add($"and {texts.Length - MostTexts} more", "(--json shows all)");
        Print(output, table, ink);
    }

    private static void PrintLayers(TextWriter output, FileContent file, Ink ink)
    {
        if (file.Layers.Count == 0) return;
        Dictionary<string, NormTensors> norms =
            file.Norms.ToDictionary(static norm => norm.Name, StringComparer.Ordinal);
        output.WriteLine();
        output.WriteLine("Layers");
        TextTable table = new TextTable("layer", "tensors", "type", "size").Wrap(0, 1).Right(3);
        // Tensors without a layer have nothing to do with each other: a row for each.
        IEnumerable<LayerTensors> rows = file.Layers.SelectMany(static layer => layer.Name.Length > 0
            ? [layer]
            : layer.Parts.Select(static part => new LayerTensors("", [part])));
        foreach (LayerTensors layer in rows)
        {
            string[] keys = [.. layer.Parts.Select(layer.KeyOf)];
            string tensors = norms.TryGetValue(layer.Name, out NormTensors? norm)
                ? $"{norm.Kind} ({norm.Channels})"
                : string.Join(", ", layer.Parts.Zip(keys, (part, key) =>
                    $"{Shown(part)} ({string.Join(", ", file.Archive.DimensionsOf(key))})"));
            string types = string.Join(" ", keys.Select(file.Archive.TypeOf).Distinct(StringComparer.Ordinal));
            table.Add(layer.Name.Length == 0 ? "-" : Shown(layer.Name), tensors, types,
                DownloadDisplay.Size(keys.Sum(file.Archive.SizeOf)));
        }

        Print(output, table, ink);
    }

    private static void PrintNorms(TextWriter output, FileContent file, Ink ink)
    {
        if (file.Norms.Count == 0) return;
        output.WriteLine();
        output.WriteLine("Norms (least and largest number of each tensor)");
        TextTable table = new TextTable("norm", "scale γ", "shift β", "running mean", "running variance", "batches")
            .Right(5);
        foreach (NormTensors norm in file.Norms)
        {
            table.Add(Shown(norm.Name), Text(norm.Scale), Text(norm.Shift), Text(norm.Mean), Text(norm.Variance),
                norm.Batches?.ToString("N0", CultureInfo.InvariantCulture) ?? "-");
        }

        Print(output, table, ink);
    }

    private static string Text(Spread? spread) => spread is not { } values ? "-"
        : values.Least == values.Largest ? Number(values.Least)
        : $"{Number(values.Least)} … {Number(values.Largest)}";

    /// <summary>A text of a file without control characters, which a terminal would obey.</summary>
    public static string Shown(string text) =>
        text.Any(char.IsControl) ? new string([.. text.Select(static c => char.IsControl(c) ? '?' : c)]) : text;

    private static string Number(double value) => value.ToString("G3", CultureInfo.InvariantCulture);

    private static void Print(TextWriter output, TextTable table, Ink ink)
    {
        foreach (string line in table.Lines(ink.Width, ink)) output.WriteLine(line);
    }
}
