mod orders {
    pub fn take(_event: u32) -> Result<(), lambda_plugin_abi::Error> {
        Ok(())
    }
}

mod returns {
    pub fn take(_event: u32) -> Result<(), lambda_plugin_abi::Error> {
        Ok(())
    }
}

lambda_plugin_abi::export! { handlers: { take: orders::take, take: returns::take } }

fn main() {}
