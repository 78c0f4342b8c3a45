using Evenkeel.Data;

namespace Evenkeel.Cli.Pictures;

/// <summary>
/// Many pictures as one: rows with a label each. Small pictures are enlarged dot by dot, large ones scaled down.
/// </summary>
/// <param name="columns">Pictures beside each other; a longer row goes on below.</param>
internal sealed class ContactSheet(int columns)
{
    private const int Box = 96, Gap = 4, Margin = 8, Caption = BitmapFont.Height + 3, LabelScale = 2;
    private const byte Ground = 40, Writing = 235;

    private static readonly ByteImage s_blank = new([Ground], 1, 1, 1);

    private readonly List<(string Label, IReadOnlyList<ByteImage> Images, IReadOnlyList<string>? Captions)> _rows = [];

    /// <summary>Adds a row.</summary>
    /// <param name="label">What stands before it.</param>
    /// <param name="images">The pictures.</param>
    /// <param name="captions">A word under each picture; null for none.</param>
    public void Add(string label, IReadOnlyList<ByteImage> images, IReadOnlyList<string>? captions = null) =>
        _rows.Add((label, images, captions));

    /// <summary>Adds groups without labels, several per row, with a gap between two.</summary>
    public void AddFlow(IEnumerable<IReadOnlyList<(ByteImage Image, string Caption)>> groups)
    {
        var images = new List<ByteImage>();
        var captions = new List<string>();
        foreach (IReadOnlyList<(ByteImage Image, string Caption)> group in groups)
        {
            if (images.Count > 0 && images.Count + 1 + group.Count > columns)
            {
                Add("", images, captions);
                (images, captions) = ([], []);
            }
            else if (images.Count > 0)
            {
                images.Add(s_blank);
                captions.Add("");
            }

            images.AddRange(group.Select(static member => member.Image));
            captions.AddRange(group.Select(static member => member.Caption));
        }

        if (images.Count > 0) Add("", images, captions);
    }

    /// <summary>Draws the sheet, in colour.</summary>
    public ByteImage Draw()
    {
        var cells = _rows.ConvertAll(static row => row.Images.Select(Fit).ToArray());
        int box = cells.SelectMany(static row => row).Select(static cell => Math.Max(cell.Height, cell.Width))
            .DefaultIfEmpty(Box).Max();
        int cellHeight = box + Gap + (_rows.Any(static row => row.Captions is not null) ? Caption : 0);
        int letters = _rows.Count == 0 ? 0 : _rows.Max(static row => row.Label.Length), label = letters == 0 ? 0
            : letters * BitmapFont.Advance * LabelScale + Margin;
        int wide = Math.Max(1, Math.Min(columns, _rows.Count == 0 ? 0 : _rows.Max(static row => row.Images.Count)));
        int lines = _rows.Sum(row => Lines(row.Images.Count));
        int height = 2 * Margin + Math.Max(lines, 1) * cellHeight, width = 2 * Margin + label + wide * (box + Gap);
        var sheet = new ByteImage(new byte[3 * height * width], 3, height, width);
        sheet.Pixels.AsSpan().Fill(Ground);
        int y = Margin;
        for (int r = 0; r < _rows.Count; r++)
        {
            BitmapFont.Write(sheet, _rows[r].Label, Margin, y + (box - BitmapFont.Height * LabelScale) / 2,
                LabelScale, Writing);
            for (int i = 0; i < cells[r].Length; i++)
            {
                int left = Margin + label + i % columns * (box + Gap), top = y + i / columns * cellHeight;
                Paste(sheet, cells[r][i], top, left);
                if (_rows[r].Captions is { } captions)
                    BitmapFont.Write(sheet, Cut(captions[i], box / BitmapFont.Advance), left,
                        top + cells[r][i].Height + 2, 1, Writing);
            }

            y += Lines(cells[r].Length) * cellHeight;
        }

        return sheet;
    }

    private int Lines(int images) => Math.Max(1, (images + columns - 1) / columns);

    /// <summary>The end of a name says more than its beginning.</summary>
    private static string Cut(string text, int letters) => text.Length <= letters ? text : text[^letters..];

    private static ByteImage Fit(ByteImage image)
    {
        int longest = Math.Max(image.Height, image.Width);
        if (longest > Box)
            return ImageResize.Bilinear(image, Math.Max(1, image.Height * Box / longest),
                Math.Max(1, image.Width * Box / longest));
        int times = Box / longest, height = image.Height * times, width = image.Width * times;
        var large = new ByteImage(new byte[image.Channels * height * width], image.Channels, height, width);
        for (int c = 0; c < image.Channels; c++)
        {
            Span<byte> from = image.Plane(c), to = large.Plane(c);
            for (int i = 0; i < to.Length; i++) to[i] = from[i / width / times * image.Width + i % width / times];
        }

        return large;
    }

    private static void Paste(ByteImage sheet, ByteImage image, int top, int left)
    {
        for (int c = 0; c < 3; c++)
        {
            Span<byte> from = image.Plane(image.Channels == 3 ? c : 0), to = sheet.Plane(c);
            for (int y = 0; y < image.Height; y++) from.Slice(y * image.Width, image.Width)
                .CopyTo(to[((top + y) * sheet.Width + left)..]);
        }
    }
}
