namespace Evenkeel.Images;

/// <summary>How a picture gets a height and a width of other proportions than its own.</summary>
public enum ImageFit
{
    /// <summary>It is scaled to this height and width, and so distorted.</summary>
    Stretch,

    /// <summary>
    /// It is scaled until it covers this height and width, and its middle is cut out. For a square: torchvision's
    /// <c>Resize(size)</c> and <c>CenterCrop(size)</c>.
    /// </summary>
    Crop,
}
