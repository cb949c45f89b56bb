/// A registration and an assertion with RSA of 2,048 bits, made with python-fido2 and cryptography; the key
/// itself was not kept.
enum RSAVector {
    static let registration = """
        oWbI3DFCd+46cm72bXOpxBC6U8kbMf7nqZqC10oPNOtFAAAAAwAAAAAAAAAAAAAAAAAAAAAADnJzYS1jcmVk\
        ZW50aWFspAEDAzkBACBZAQCiwPDf6XkWrw1iPBOBWayi1VtWqFiR82M8zAC5lymSMSyJ6pOVOB1V6wh+c4AU\
        mICBY+sVTxDeC6HYfp31TkCdyWtOafMWhl+EWxRDrMiI/0kCNXTDa8QBwoiO77PNbG6FeIDiVMfPkOuiJcll\
        btBKrKqA7Ee+swosw0P/stcRYPB+3EQrDraB/nV7+ENrWQzwWjKva18kEZ+HqWb3TsD9hlCTNyksbhReuUa2\
        usioS+jQbUcT7Wrj18+zlsOiLrdP+0Dxtg/VPAJ344mXECeFjwIXg8ZTWrlQTdczTRSanA/qihsod47yfJiz\
        x7fkIWNOppzQzOG7bEQEn7v8DpmLIUMBAAE=
        """

    static let signature = """
        GXUyA8DUteDlUXHUAdud7az6ZJwRP3j+qhTAygOjFR4OE9WiJGKbDIf4BTShC40f09a7Yexw9BjeGKNikTHE\
        VXzLPMaw3Xwey1XP79frwaJccOECqkaNsYCiNhtCNIM1cmw4d4QpXgi2kSWY1VwxOcA+UIOeva7gXaP39HL5\
        8j+oKhNsgW0oIHw2MriYl4p3TWI11HHy++uOSvz1JtJQ/MkgqMp3lUN7J7Wv4dvPrqcHC4MqX7LItFq3DyHy\
        yLVX08FCHI7jbbXcoIcrtqA3yeUHcBBrhwd6q0wm4jDGn7TaT/DnrOt+07QTxP42vPOF6InxcvYN9o3SqmTf\
        fjDMQQ==
        """
}
